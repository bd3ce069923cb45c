"""What the servers have in common: a folder, a port, a process, and starting that means "it answers"."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from devstack.errors import StackError
from devstack.ports import is_free
from devstack.processes import NO_TIES, Process, Ties

# Seconds that a server may take until it answers.
START = 30.0
POLL = 0.02


class Server(ABC):
    """A server on loopback, also usable as a context manager: started on entry, stopped on exit.

    Its data stay in the folder; a later start, or another object with the same folder, finds them again.
    """

    name: str
    host = "127.0.0.1"

    def __init__(self, folder: Path, port: int, *, log: Path | None = None, ties: Ties = NO_TIES) -> None:
        self.folder = folder.absolute()
        self.port = port
        self.log = log or self.folder / f"{self.name}.log"
        self.ties = ties
        self._process: Process | None = None

    @abstractmethod
    def prepare(self) -> Process:
        """Lay down what it needs and return its process, not started."""

    @abstractmethod
    def silence(self) -> str | None:
        """Why a client that verifies and logs in gets no answer; None when it gets one."""

    @property
    def process(self) -> Process:
        """StackError when it was never started."""
        if self._process is None:
            raise StackError(f"{self.name} was never started")
        return self._process

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises StackError with the end of its log when it ends first or is silent for START seconds.
        """
        if not is_free(self.port):
            raise StackError(f"{self.name} was to use port {self.port}, where something listens already; end that")
        self._process = self.prepare()
        self._process.start()
        self.wait_until_answering()

    def wait_until_answering(self, seconds: float = START) -> None:
        """Wait for an answer, and no longer than so many seconds."""
        deadline = time.monotonic() + seconds
        while reason := self.silence():
            if not self.process.running:
                raise self.process.failure()
            if time.monotonic() > deadline:
                raise StackError(
                    f"{self.name} did not answer within {seconds:.0f} s ({reason}); {self.process.log_end()}"
                )
            time.sleep(POLL)

    def stop(self) -> None:
        """End it cleanly; killed when it does not."""
        if self._process:
            self.resume()
            self._process.stop()

    def restart(self) -> None:
        """Stop and start it on the same port with the same data."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        if self._process:
            self._process.kill()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing is answered."""
        self.process.pause()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self.process.resume()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
