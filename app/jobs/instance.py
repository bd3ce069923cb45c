"""The names by which an attempt's row says who runs it."""

from __future__ import annotations

import os
import socket
import threading

from django.conf import settings

from config.queues import Lane

# Set by the worker's main process at its start and inherited by its children.
INSTANCE_VARIABLE = "JOB_WORKER_INSTANCE"


def instance() -> str:
    """The name under which this worker process claims jobs: new at each start, the same in all its children."""
    return os.environ.get(INSTANCE_VARIABLE) or f"{socket.gethostname()}/{os.getpid()}"


def thread_of_attempt() -> int:
    """The child's process id or, in the threads pool, the thread's id: each runs one attempt at a time."""
    alone = threading.current_thread() is threading.main_thread()
    return os.getpid() if alone else threading.get_native_id()


def lane() -> Lane:
    """How the queue that this worker process serves runs. Raises RuntimeError in any other process."""
    if settings.WORKER_LANE is None:
        raise RuntimeError("WORKER_QUEUE is not set: this process is no worker")
    return settings.WORKER_LANE
