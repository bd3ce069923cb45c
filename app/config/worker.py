"""How a worker process starts: its arguments, its checks and its memory."""

from __future__ import annotations

import gc
import time
from typing import Any

from celery import signals
from celery.apps import worker as celery_worker
from celery.concurrency import asynpool
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections

from . import logs, memory, tracker
from .celery import JOB_TASK, app, misplaced_tasks

# Its "Warm shutdown" would be the one line that is not like the others.
celery_worker.safe_say = logs.say  # type: ignore[attr-defined]  # the stubs do not know it
# Seconds between two looks whether a stopping pool's children have ended. Celery's half a second, per child, is most of
# the time until a worker that gives its jobs back has returned their messages.
LOOK_AGAIN = 0.05
asynpool.sleep = lambda seconds: time.sleep(min(seconds, LOOK_AGAIN))  # type: ignore[attr-defined]


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
        # Whoever counts events takes a worker without heartbeats for dead.
        *([] if settings.CELERY_WORKER_SEND_TASK_EVENTS else ["--without-heartbeat"]),
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
    if fault := memory.fault_of(settings.WORKER_CHILD_MEMORY):
        raise SystemExit(fault)


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
    """In each prefork child, before its first task."""
    memory.limit_process(settings.WORKER_CHILD_MEMORY)


@signals.worker_process_shutdown.connect
def finish_telling(**_: Any) -> None:
    """A child ends without Python's own end of a process."""
    tracker.finish()


@signals.task_prerun.connect
def drop_failed_connection(**_: Any) -> None:
    """Celery keeps connections (CELERY_DB_REUSE_MAX); a broken one must not outlive the task that met it."""
    close_old_connections()
