"""Processes on a tether: what ends with whom. Real processes, no servers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack import tether
from devstack.errors import StackError
from devstack.processes import Process, Ties, stop_together

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
# Ignores TERM, and has a child that does too: in a group of its own when the argument says so.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child == 0 and sys.argv[1] == "apart":
    os.setsid()
if child:
    print(child, flush=True)
time.sleep(600)
"""
# Starts a program as the stack does, prints its pid and is then killed by the test.
SUPERVISOR = """
import sys, time
from pathlib import Path
from devstack.processes import Process
process = Process("program", [sys.executable, "-c", *sys.argv[2:]], log=Path(sys.argv[1]), grace=0.5)
process.start()
print(process.pid, flush=True)
time.sleep(600)
"""


def program(tmp_path: Path, code: str, *arguments: str, grace: float = 5, ties: Ties | None = None) -> Process:
    command = [sys.executable, "-c", code, *arguments]
    return Process("program", command, log=tmp_path / "program.log", grace=grace, ties=ties or Ties())


def eventually(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"after a minute still not so: {what}"
        time.sleep(0.02)


@contextmanager
def supervised(log: Path, *program: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A supervisor in a process of its own, and the pid of the program that it started."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SUPERVISOR, str(log), *program]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as supervisor:
        try:
            assert supervisor.stdout is not None
            yield supervisor, int(supervisor.stdout.readline())
        finally:
            supervisor.kill()


def test_the_program_is_the_process_that_was_started(tmp_path: Path) -> None:
    process = program(tmp_path, "import os; print(os.getpid()); raise SystemExit(7)")
    process.start()

    assert process.wait(10)
    assert process.exit_code == 7
    assert process.log.read_text().split() == [str(process.pid)]


def test_a_program_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    with supervised(tmp_path / "log", SLEEPER) as (supervisor, pid):
        supervisor.kill()

        eventually(lambda: not tether.alive(pid), "the program is gone")


@pytest.mark.parametrize("group", ["same", "apart"])
def test_a_program_that_ignores_term_is_killed_with_its_children(tmp_path: Path, group: str) -> None:
    log = tmp_path / "log"
    with supervised(log, STUBBORN, group) as (supervisor, pid):
        eventually(lambda: log.exists() and log.read_text().endswith("\n"), "the program has a child")
        child = int(log.read_text())
        supervisor.kill()

        eventually(lambda: not tether.alive(pid), "the program is gone")
        eventually(lambda: not tether.alive(child), "its child is gone")


def test_a_frozen_program_ends_with_its_supervisor_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with supervised(log, SLEEPER) as (supervisor, pid):
        eventually(lambda: log.exists() and log.read_text(), "the program runs")
        os.kill(pid, signal.SIGSTOP)
        supervisor.kill()

        eventually(lambda: not tether.alive(pid), "the program is gone")


def test_children_that_a_program_left_behind_end_after_it(tmp_path: Path) -> None:
    process = program(tmp_path, STUBBORN, "same")
    process.start()
    eventually(lambda: process.log.read_text().endswith("\n"), "the program has a child")
    child = int(process.log.read_text())

    process.send(signal.SIGKILL)
    assert process.wait(10)

    eventually(lambda: not tether.alive(child), "the child is gone")


def test_what_a_program_holds_is_free_when_it_is_gone(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    process = program(tmp_path, SLEEPER, ties=Ties(holds=(writing,)))
    process.start()
    os.close(writing)
    os.set_blocking(reading, False)

    with pytest.raises(BlockingIOError):
        os.read(reading, 1)
    process.stop()
    os.set_blocking(reading, True)
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_stopping_is_asking_first(tmp_path: Path) -> None:
    code = f"import signal; signal.signal(signal.SIGTERM, lambda *_: exit(3)); {SLEEPER}"
    process = program(tmp_path, code, grace=30)
    process.start()
    eventually(lambda: "ready" in process.log.read_text(), "the program listens to TERM")

    assert process.stop()
    assert process.exit_code == 3


def test_a_program_that_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    process = program(tmp_path, STUBBORN, "same", grace=0.2)
    process.start()
    eventually(lambda: process.log.read_text(), "the program ignores TERM")

    assert not process.stop()
    assert process.ending() == "was ended by SIGKILL"


def test_programs_are_stopped_side_by_side(tmp_path: Path) -> None:
    processes = [program(tmp_path / name, STUBBORN, "same", grace=3) for name in "abc"]
    for process in processes:
        process.start()
        eventually(process.log.read_text, "the program ignores TERM")
    started = time.monotonic()

    assert not stop_together(processes)
    assert time.monotonic() - started < 8.5, "three times three seconds one after another would take 9"


def test_lines_are_echoed_with_the_name_and_logged(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []
    process = program(tmp_path, r"print('one\ntwo')", ties=Ties(echo=lambda name, line: seen.append((name, line))))
    process.start()
    assert process.wait(10)

    assert seen == [("program", "one"), ("program", "two")]
    assert process.log.read_text() == "one\ntwo\n"


def test_a_failure_tells_the_exit_code_and_the_last_lines(tmp_path: Path) -> None:
    process = program(tmp_path, "print('no such table'); raise SystemExit(4)")
    process.start()
    process.wait(10)

    message = str(process.failure())
    assert message.startswith("program ended with exit code 4; the end of ")
    assert message.endswith("\n  no such table")


def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    process = Process("nothing", ["no-such-command"], log=tmp_path / "log")
    process.start()
    process.wait(10)

    assert process.exit_code == 127
    assert "no-such-command cannot be started: No such file or directory" in process.log_end()


def test_starting_twice_is_refused(tmp_path: Path) -> None:
    process = program(tmp_path, SLEEPER)
    process.start()

    with pytest.raises(StackError, match="program is already running with pid"):
        process.start()
    process.kill()
