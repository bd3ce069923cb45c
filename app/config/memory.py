"""How much memory a child may take, and what becomes of a task that asks for more.

Each prefork child limits its own data segment to its share of the pod's memory, so that a greedy task meets MemoryError
and not the pod the kernel. No MemoryError may leave a child: Celery raises it again in the worker's main process, which
then stops.
"""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

from celery.app.task import Task as CeleryTask

# What a child must have for work, beyond what it has before any.
ROOM = 16 * 2**20


class OutOfMemory(Exception):
    """A task asked for more memory than its process may have."""


class Task(CeleryTask):  # type: ignore[type-arg]
    """The class of every task: one that runs out of memory fails, and nothing else does."""

    abstract = True
    Request = "config.deliveries:Delivery"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.run(*args, **kwargs)
        except MemoryError:
            # Told below, when the frames that hold the memory are gone.
            pass
        raise OutOfMemory(f"{self.name} asked for more memory than its process may have")


def fault_of(share: int | None) -> str | None:
    """Why children with this share could do no work, if so. Asked in the main process, before the fork."""
    held = _status("RssAnon")
    if share is None or share >= held + ROOM:
        return None
    return (
        f"WORKER_MEMORY_LIMIT leaves each child {share >> 20} MiB, of which {held >> 20} MiB are in use before any "
        f"work; it must leave {(held + ROOM) >> 20} MiB: raise it, or lower WORKER_CONCURRENCY"
    )


def limit_process(share: int | None) -> None:
    """Hold this process to its share from now on. What it runs cannot raise it again.

    The limit counts what is mapped for writing, used or not. What was mapped by now and is not used, such as the stacks
    of threads that only the main process has, is therefore not set against the share.
    """
    if share is not None:
        limit = _status("VmData") + max(share - _status("RssAnon"), 0)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _status(name: str) -> int:
    """What Linux says of this process' memory, in bytes; 0 on other systems."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except FileNotFoundError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)
