"""What a checkout remembers between runs, in one folder that git ignores, and the lock of its running stack."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.errors import StackError
from devstack.ports import free_port, is_free

CHECKOUT = Path(__file__).resolve().parents[3]
FOLDER = CHECKOUT / ".local"
# Seconds that the processes of a stack whose supervisor was killed may take to end.
ENDING = 30.0
POLL = 0.1


class State:
    """Secrets and ports by name, each made when first asked for and kept.

    Another checkout has another folder, so the two do not collide; a port that somebody else took is chosen anew.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self._file = folder / "state.json"

    def secret(self, name: str) -> str:
        """A random text of 43 characters that needs no quoting in a URL."""
        return str(self._remember("secrets", name) or self._keep("secrets", name, secrets.token_urlsafe(32)))

    def claim_port(self, name: str) -> int:
        """The port of a server that is about to start: the one it had, or another when that is taken."""
        port = self._remember("ports", name)
        if isinstance(port, int) and is_free(port):
            return port
        return int(self._keep("ports", name, free_port()))

    def port(self, name: str) -> int:
        """The port that a server has; StackError when it never had one."""
        port = self._remember("ports", name)
        if not isinstance(port, int):
            raise StackError(f"{name} never ran in this checkout; start the stack with `make up`")
        return port

    @property
    def token(self) -> str | None:
        """The API token of this checkout, if one was made."""
        token = self._remember("secrets", "token")
        return str(token) if token else None

    @token.setter
    def token(self, token: str) -> None:
        self._keep("secrets", "token", token)

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            content = json.loads(self._file.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise StackError(f"{self._file} is not JSON ({error}); start afresh with `make clean`") from None
        return dict(content)

    def _remember(self, kind: str, name: str) -> Any:
        return self._read().get(kind, {}).get(name)

    def _keep(self, kind: str, name: str, value: Any) -> Any:
        content = self._read()
        content.setdefault(kind, {})[name] = value
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_text(json.dumps(content, indent=2))
        new.replace(self._file)
        return value


@dataclass(frozen=True)
class Holder:
    """Who runs the stack."""

    pid: int
    url: str

    @property
    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


class Lock:
    """Held while a stack runs: by its supervisor and, through their tethers, by every process of it.

    So it is free only when the last of them is gone, even if the supervisor was killed; nobody has to guess from a
    file with a process id.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "stack.lock"
        self._descriptor = -1

    @property
    def descriptor(self) -> int:
        """For the processes that are to hold it too."""
        return self._descriptor

    def acquire(self) -> None:
        """Take it, waiting while the processes of a killed supervisor end. StackError when a stack runs."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + ENDING
        while not _locked(descriptor, fcntl.LOCK_EX):
            holder = self.holder()
            if holder and (holder.alive or time.monotonic() > deadline):
                os.close(descriptor)
                raise StackError(
                    f"the stack of this checkout is already running (pid {holder.pid}, {holder.url}); "
                    "use it, or stop it with `make down`"
                )
            time.sleep(POLL)
        os.ftruncate(descriptor, 0)
        self._descriptor = descriptor

    def sign(self, url: str) -> None:
        """Say in it who has it: this process, and where the stack answers."""
        os.pwrite(self._descriptor, json.dumps({"pid": os.getpid(), "url": url}).encode(), 0)

    def release(self) -> None:
        """Let go. It stays taken while a process of the stack holds it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def holder(self) -> Holder | None:
        """Who has it; None when it is free."""
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(self._path, os.O_RDONLY)
            try:
                while not _locked(descriptor, fcntl.LOCK_SH):
                    # Empty for the moment between taking the lock and signing it.
                    if content := os.pread(descriptor, 1000, 0):
                        return Holder(**json.loads(content))
                    time.sleep(POLL)
            finally:
                os.close(descriptor)
        return None


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
