"""Become a program that cannot outlive the process that started it.

`python -I -S tether.py <lifeline>[,<descriptor>…] <signal> <grace> <command> …` leaves a watcher behind and becomes the
command, so the caller's child *is* the program: its pid, its exit code, its signals. The lifeline is the reading end of
a pipe whose other end only the caller holds. When the caller ends, however it ends, the pipe closes, and the watcher
takes the program down: the signal, `grace` seconds, then SIGKILL for its process group and for all it had started.

A pipe works the same on Linux and macOS, and for SIGKILL; PR_SET_PDEATHSIG exists on Linux alone. The watcher stays in
the program's process group, so the kernel cannot give the group's number to somebody else meanwhile. It keeps the
other descriptors open until the program is gone: that is how the lock of a running stack is held.

Standard library only: it runs without site-packages, so that it costs 20 ms and not 200.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

POLL = 0.02
PROC = Path("/proc")


def descendants(pid: int) -> list[int]:
    """The processes that a process started, those that they started, and so on."""
    parents = _parents()
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family[1:]


def _parents() -> dict[int, int]:
    """The parent of every process: from /proc where there is one (slim images have no `ps`), else from `ps` (macOS)."""
    if not (PROC / "self").exists():
        listing = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        return {int(pid): int(parent) for pid, parent in map(str.split, listing.splitlines())}
    return {int(path.name): int(fields[1]) for path in PROC.glob("[0-9]*") if (fields := stat(int(path.name)))}


def stat(pid: int) -> list[str]:
    """What /proc tells of a process after its name: state, parent and more; nothing when it is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def alive(pid: int) -> bool:
    """Whether the process runs or could; one that ended and was not yet collected by its parent does not."""
    if not (PROC / "self").exists():
        return send(pid, 0)
    fields = stat(pid)
    return bool(fields) and fields[0] not in "ZX"


def send(pid: int, number: int) -> bool:
    """Send a signal; False when there is no such process."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def watch(lifeline: int, leader: int, stop_signal: int, grace: float) -> None:
    """Wait for the lifeline to break, then end the group of `leader`, this process included."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        # Whoever reads the program's output must see its end.
        os.dup2(nothing, descriptor)
    os.read(lifeline, 1)
    deadline = time.monotonic() + grace
    send(leader, stop_signal)
    send(leader, signal.SIGCONT)
    while alive(leader) and time.monotonic() < deadline:
        time.sleep(POLL)
    # PostgreSQL's backends have groups of their own, and frozen ones do not notice that their parent is gone.
    for pid in descendants(leader):
        send(pid, signal.SIGKILL)
    os.killpg(leader, signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """Leave the watcher behind and become the command. The caller has made this process the leader of its group."""
    descriptors = [int(number) for number in arguments[0].split(",")]
    stop_signal, grace, command = int(arguments[1]), float(arguments[2]), arguments[3:]
    if os.fork() == 0:
        if os.fork() == 0:
            watch(descriptors[0], os.getpgrp(), stop_signal, grace)
        os._exit(0)
    # Through the short-lived process in between, the program does not get a child it knows nothing of.
    os.wait()
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
