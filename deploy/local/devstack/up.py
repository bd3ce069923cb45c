"""`up`: the stack in the foreground, reloading what changes. `down`: stop it from elsewhere."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from pathlib import Path

from watchfiles import DefaultFilter, watch

from devstack.api import Api
from devstack.application import APP
from devstack.console import echo, say, step
from devstack.errors import StackError
from devstack.stack import Stack, running_stack
from devstack.state import Lock, State

# Seconds between two looks at the processes.
POLL = 0.2
# Seconds that `down` waits for the last process.
STOPPED = 60.0
REPORT = '{"type": "reports.airports_per_state", "payload": {}}'


def up() -> int:
    """Run the stack until Ctrl-C, `down` or the unasked end of a process (exit code 1)."""
    # Before the stack is said to run: what is changed from then on is seen.
    changes = Changes(APP)
    with running_stack(echo) as stack:
        token = current_token(stack)
        _welcome(stack.application.url, token)
        try:
            while True:
                stack.check()
                if changed := changes.pending():
                    reload(stack, changed)
                time.sleep(POLL)
        except KeyboardInterrupt:
            return 0


def current_token(stack: Stack) -> str:
    """The checkout's token; a new one when there is none or the database does not know it."""
    if stack.state.token:
        api = Api(stack.application.url, stack.state.token)
        try:
            if api.knows_token():
                return stack.state.token
        finally:
            api.close()
    with step("API token"):
        token = stack.application.run("manage", "create_token", "demo").split()[-1]
    stack.state.token = token
    return token


def _welcome(url: str, token: str) -> None:
    say(f"\nThe stack runs at {url}\ntoken {token}\n\nTo submit a job:")
    say(f"  curl -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\")
    say(f"    -d '{REPORT}' {url}/api/v1/jobs")
    say("\nA change below app/ reloads it. Ctrl-C stops it, or `make down` elsewhere.\n")


class Changes:
    """Collects the files that change below a folder, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self._found: queue.SimpleQueue[set[str]] = queue.SimpleQueue()
        self._folder = folder
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        # It ends with the process; nothing is lost when it does.
        for changes in watch(self._folder, watch_filter=DefaultFilter(), raise_interrupt=False):
            self._found.put({str(Path(path).relative_to(self._folder)) for _, path in changes})

    def pending(self) -> set[str]:
        """What changed since the last call, as paths below the folder."""
        found: set[str] = set()
        while not self._found.empty():
            found |= self._found.get()
        return found


def reload(stack: Stack, changed: set[str]) -> None:
    """Restart the application's processes, unless the changed code does not even load: then the old ones stay."""
    names = sorted(changed)
    say(f"reload: {', '.join(names[:3])}{' and more' if len(names) > 3 else ''} changed")
    try:
        _compile(names)
        stack.application.run("manage", "check")
    except StackError as error:
        say(f"reload: not done, the code that was running goes on: {error}")
        return
    stack.restart_roles()
    say("reload: done")


def _compile(names: list[str]) -> None:
    """StackError for the first file that is not Python; `check` loads most modules, but not those of one role alone."""
    for path in (APP / name for name in names if name.endswith(".py")):
        try:
            compile(path.read_bytes(), path, "exec")
        except FileNotFoundError:
            continue
        except (SyntaxError, ValueError) as error:
            raise StackError(f"{path}: {error}") from None


def down() -> int:
    """Stop the running stack of this checkout and wait until its last process is gone."""
    lock = Lock(State().folder)
    holder = lock.holder()
    if holder is None:
        say("no stack of this checkout is running")
        return 0
    with step(f"stop the stack with pid {holder.pid}"):
        if holder.alive:
            os.kill(holder.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOPPED
        while lock.holder():
            if time.monotonic() > deadline:
                raise StackError(f"the stack with pid {holder.pid} still runs after {STOPPED:.0f} s; kill that process")
            time.sleep(POLL)
    return 0
