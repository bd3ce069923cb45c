"""The work as a job, on a prefork queue and on the threads' queue, and as a plain task."""

from __future__ import annotations

from celery import shared_task
from pydantic import BaseModel

from benchmarks.work import Kind, work
from config.queues import Queue
from jobs.registry import job
from jobs.running import RunningJob


class Work(BaseModel, extra="forbid"):
    """Which work."""

    kind: Kind = Kind.NOOP


@job(queue=Queue.DEFAULT, payload=Work)
def on_prefork(job: RunningJob, payload: Work) -> None:
    """Does the work in a prefork child."""
    work(payload.kind)


@job(queue=Queue.IO, payload=Work)
def on_threads(job: RunningJob, payload: Work) -> None:
    """Does the work in a thread."""
    work(payload.kind)


@shared_task(name="benchmarks.plain", runs_on=Queue.DEFAULT)
def plain(kind: str) -> None:
    """Does the work without a row."""
    work(kind)
