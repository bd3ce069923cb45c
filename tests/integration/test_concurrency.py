"""A worker's children, counted where the kernel gives the worker fewer CPUs than the machine has."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from config.queues import Queue
from tests.integration.conftest import Stack
from tests.polling import wait_for
from tests.testapp.tasks import Echo, echo

# A program that sets a limit to itself and becomes the command behind it.
BECOME = "; os.execvp(sys.argv[2], sys.argv[2:])"
PINNED = [
    sys.executable, "-c", "import os, sys; os.sched_setaffinity(0, map(int, sys.argv[1].split(',')))" + BECOME
]  # fmt: skip
JOINED = [sys.executable, "-c", "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid()))" + BECOME]


@contextmanager
def quota_of_one_cpu() -> Iterator[list[str]]:
    """A control group of the kernel's with a quota of one CPU, as a pod's limit makes one, as a prefix of commands.

    Where this process may make none (it is not root, or itself in a container), a mask of one CPU.
    """
    hierarchy = next(path for path in (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")) if path.exists())
    group = hierarchy / f"jobs-test-{os.getpid()}"
    try:
        group.mkdir()
        if hierarchy.name == "cpu":
            (group / "cpu.cfs_quota_us").write_text("100000")
        else:
            (group / "cpu.max").write_text("100000 100000")
    except OSError as error:
        print(f"no control group can be made here ({error}); an affinity mask takes its place")  # noqa: T201
        with suppress(FileNotFoundError):
            group.rmdir()
        yield mask_of(1)
        return
    try:
        yield [*JOINED, str(group / "cgroup.procs")]
    finally:
        # The kernel lets go of a group a moment after its last process.
        wait_for(lambda: not (group / "cgroup.procs").read_text(), 30, what=f"{group} empty")
        group.rmdir()


def mask_of(cpus: int) -> list[str]:
    return [*PINNED, ",".join(map(str, sorted(os.sched_getaffinity(0))[:cpus]))]


def count_children(stack: Stack, *through: str) -> int:
    """Of a worker with WORKER_CONCURRENCY=auto, once it has done a job."""
    worker = stack.worker(Queue.DEFAULT, through=through, WORKER_CONCURRENCY="auto")
    try:
        stack.ended([echo.enqueue(Echo(text="a"))], within=30)
        return len(stack.children(worker))
    finally:
        worker.stop()


@pytest.mark.covers(63)
@pytest.mark.skipif(sys.platform != "linux", reason="macOS has neither quotas nor masks of CPUs")
def test_a_worker_with_the_cpu_of_one_has_one_child(stack: Stack) -> None:
    """Not the two of its queue's own, nor one for each CPU of the machine."""
    assert Queue.DEFAULT.lane.concurrency == 2
    assert count_children(stack, *mask_of(1)) == 1
    with quota_of_one_cpu() as through:
        assert count_children(stack, *through) == 1


@pytest.mark.covers(63)
@pytest.mark.skipif(sys.platform != "linux", reason="macOS has neither quotas nor masks of CPUs")
def test_a_worker_with_two_cpus_has_two_children(stack: Stack) -> None:
    assert count_children(stack, *mask_of(2)) == min(2, len(os.sched_getaffinity(0)))
