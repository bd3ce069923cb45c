"""How a worker process starts: its arguments, its checks and its memory."""

from __future__ import annotations

import gc
import os
import resource
from pathlib import Path
from typing import Any

from celery import signals
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections

from .celery import JOB_TASK, app, misplaced_tasks

# Where the kernel says how much memory the container may take, since cgroups 2 and before.
CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
# Bytes that stand for no limit, as `max` does.
UNLIMITED = 2**60
# What is left for the kernel's own tables and buffers, which count too.
RESERVE = 0.1


def worker_arguments() -> list[str]:
    """Celery's arguments for the queue of this process.

    Raises ImproperlyConfigured when WORKER_QUEUE names none.
    """
    if settings.WORKER_QUEUE is None:
        raise ImproperlyConfigured("WORKER_QUEUE is not set; it must name the queue that this worker serves")
    return [
        f"--queues={settings.WORKER_QUEUE}",
        f"--hostname={settings.WORKER_QUEUE}@%h",
        "--optimization=fair",
        "--without-mingle",
        "--without-gossip",
        "--without-heartbeat",
        f"--loglevel={settings.LOG_LEVEL}",
    ]


@signals.worker_init.connect
def check_worker(**_: Any) -> None:
    """Refuse to serve anything but the queue that the settings were made for."""
    served = set(app.amqp.queues.consume_from)
    if served != {settings.WORKER_QUEUE}:
        raise SystemExit(
            f"the worker was to serve {', '.join(sorted(served))}; its environment says WORKER_QUEUE="
            f"{settings.WORKER_QUEUE or ''}, and the two must be the same single queue"
        )
    if faults := misplaced_tasks():
        raise SystemExit("\n".join(faults))


@signals.worker_init.connect
def limit_plain_tasks(**_: Any) -> None:
    """Give plain tasks their queue's time limit. Not by task_soft_time_limit: it would also end a job while it waits
    for the database, and a job's limit is for its service.
    """
    lane = settings.WORKER_LANE
    for name, task in app.tasks.items():
        if lane and name != JOB_TASK and task.soft_time_limit is None:
            task.soft_time_limit = lane.time_limit


@signals.worker_init.connect
def share_memory(**_: Any) -> None:
    """Keep what is loaded by now out of the collector, so that children go on sharing its pages."""
    gc.collect()
    gc.freeze()


@signals.worker_process_init.connect
def limit_memory(**_: Any) -> None:
    """Limit a prefork child to its share of the container's memory.

    So a greedy job meets MemoryError, instead of the kernel killing the container with every job in it.
    """
    limit = container_limit()
    if limit is None or settings.WORKER_LANE is None:
        return
    share = share_of(limit, process_bytes("VmRSS", os.getppid()), settings.WORKER_LANE.concurrency)
    # What is mapped by now is mostly shared with the main process.
    most = process_bytes("VmData", os.getpid()) + share
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def container_limit() -> int | None:
    """Bytes that the container may take; None where nothing limits it."""
    said = next((path.read_text().strip() for path in CONTAINER_LIMITS if path.exists()), "max")
    return None if said == "max" or int(said) >= UNLIMITED else int(said)


def share_of(limit: int, taken: int, concurrency: int) -> int:
    """Bytes for each of `concurrency` children, where the container has `limit` and the main process has `taken`.

    Nothing, at worst: a container that has no room for its children runs no job.
    """
    return max(int(limit * (1 - RESERVE)) - taken, 0) // concurrency


def process_bytes(name: str, pid: int) -> int:
    """A size from the kernel's table of a process, such as VmRSS."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


@signals.task_prerun.connect
def drop_failed_connection(**_: Any) -> None:
    """Celery keeps connections (CELERY_DB_REUSE_MAX); a broken one must not outlive the task that met it."""
    close_old_connections()
