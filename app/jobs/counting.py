"""Counting how attempts end, by whoever writes the end down."""

from __future__ import annotations

from config.metrics import add, observe, on

from . import registry
from .metrics import ATTEMPTS, FAILURES, LOSSES, RETRIES, RUN, WAIT
from .models import Job
from .states import EventKind, Reason

FAILED = {EventKind.FAILED, EventKind.DEAD}
AGAIN = {EventKind.FAILED, EventKind.LOST}
LOST = {Reason.LOST, Reason.MEMORY}


def type_label(name: str) -> str:
    """The job type's own name, whatever alias the row has; one word for all that this version does not know."""
    declared = registry.find(name)
    return declared.name if declared else "(unknown)"


def count_attempt(job: Job, event: EventKind, reason: str = "", seconds: float | None = None) -> None:
    """Count an attempt that ended by `event` after its body took `seconds`, where anybody knows.

    `job` is the attempt's row, with `started_at`; called by whoever wrote the end down, once.
    """
    if not on():
        return
    labels = (job.queue, type_label(job.type))
    add(ATTEMPTS, 1, *labels, event.value)
    if reason in LOST:
        add(LOSSES, 1, *labels, reason)
    elif event in FAILED:
        add(FAILURES, 1, *labels, reason)
    if event in AGAIN:
        add(RETRIES, 1, *labels)
    if job.attempt == 1 and job.started_at:
        observe(WAIT, (job.started_at - job.run_at).total_seconds(), *labels)
    if seconds is not None:
        observe(RUN, seconds, *labels)
