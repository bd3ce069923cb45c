"""One process of the stack: started on a tether, its output kept, stopped with patience and then without."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from devstack import tether
from devstack.errors import StackError

# Seconds that a process may take to end after it was asked to.
GRACE = 10.0
TAIL = 20


@dataclass(frozen=True)
class Ties:
    """What a process has from the one that starts it.

    `echo` is called with the process's name and each line it prints (in a thread; lines go to the log as well).
    `holds` are descriptors that stay open until the process is gone.
    """

    echo: Callable[[str, str], None] | None = None
    holds: tuple[int, ...] = ()


NO_TIES = Ties()


class Process:
    """A program with a name, a log and an end that comes no later than ours.

    Every method may be called at any time; `start` may be called again once the process has ended.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = GRACE,
        ties: Ties = NO_TIES,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.environment = environment
        self.folder = folder
        self.stop_signal = stop_signal
        self.grace = grace
        self.ties = ties
        self._popen: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """The program's own process id. StackError when it was never started."""
        if self._popen is None:
            raise StackError(f"{self.name} was never started, so it has no process id")
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs (or was never started); negative for the signal that ended it."""
        return self._popen.poll() if self._popen else None

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def start(self) -> None:
        """Start the program. StackError when it is running already."""
        if self.running:
            raise StackError(f"{self.name} is already running with pid {self.pid}")
        self._release()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        watched, self._lifeline = os.pipe()
        holds = (watched, *self.ties.holds)
        try:
            with self.log.open("ab") as log:
                self._popen = subprocess.Popen(
                    tethered(self.command, holds, self.stop_signal, self.grace),
                    cwd=self.folder,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE if self.ties.echo else log,
                    stderr=subprocess.STDOUT,
                    pass_fds=holds,
                    start_new_session=True,
                )
        finally:
            os.close(watched)
        if self.ties.echo and self._popen.stdout:
            self._reader = threading.Thread(target=self._read, args=(self._popen.stdout, self.ties.echo), daemon=True)
            self._reader.start()

    def _read(self, output: IO[bytes], echo: Callable[[str, str], None]) -> None:
        with self.log.open("ab", buffering=0) as log, output:
            for line in output:
                log.write(line)
                echo(self.name, line.decode(errors="replace").rstrip("\r\n"))

    def send(self, number: signal.Signals) -> None:
        """Send the program a signal, if it is there."""
        if self._popen:
            self._popen.send_signal(number)

    def pause(self) -> None:
        """Freeze the program (SIGSTOP): it keeps its connections and answers nothing."""
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.send(signal.SIGCONT)

    def stop(self) -> bool:
        """Ask it to end and wait; True when it did, False when it had to be killed after `grace` seconds."""
        return stop_together([self])

    def kill(self) -> None:
        """End it and everything in its process group at once (SIGKILL), as a crash would."""
        if self._popen and self.running:
            os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()
        self._release()

    def wait(self, seconds: float) -> bool:
        """Wait for it to end by itself; False when it still runs after so many seconds."""
        if self._popen:
            try:
                self._popen.wait(max(seconds, 0))
            except subprocess.TimeoutExpired:
                return False
        self._release()
        return True

    def _release(self) -> None:
        """After its end: let the watcher clear away what the program left in its group, and take the last lines."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        if self._reader:
            self._reader.join(timeout=10)
            self._reader = None

    def ending(self) -> str:
        """How it ended, as a clause."""
        code = self.exit_code
        if code is None:
            return "is running" if self.running else "was never started"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def log_end(self) -> str:
        """The last lines of its log, and where it is."""
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL:] if self.log.exists() else []
        return f"the end of {self.log}:" + "".join(f"\n  {line}" for line in lines or ["(empty)"])

    def failure(self) -> StackError:
        """Its end as an error, with the lines that tell why."""
        return StackError(f"{self.name} {self.ending()}; {self.log_end()}")


def tethered(command: Sequence[str], holds: Sequence[int], stop_signal: signal.Signals, grace: float) -> list[str]:
    """The command on a tether. The first of `holds` is the reading end of the lifeline; all are to be inherited."""
    own = [sys.executable, "-I", "-S", tether.__file__, ",".join(map(str, holds)), str(int(stop_signal)), str(grace)]
    return [*own, *command]


def run(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], ties: Ties = NO_TIES
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, also on a tether, and keep what it printed."""
    watched, lifeline = os.pipe()
    holds = (watched, *ties.holds)
    try:
        return subprocess.run(
            tethered(command, holds, signal.SIGTERM, GRACE),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            pass_fds=holds,
            start_new_session=True,
        )
    finally:
        os.close(lifeline)
        os.close(watched)


def stop_together(processes: Iterable[Process]) -> bool:
    """Ask all of them to end, then wait for each until its own grace is over.

    True when all ended by themselves; those that did not were killed.
    """
    asked = time.monotonic()
    running = [process for process in processes if process.running]
    for process in running:
        process.send(process.stop_signal)
        process.resume()
    obedient = True
    for process in running:
        if not process.wait(asked + process.grace - time.monotonic()):
            obedient = False
            process.kill()
    return obedient
