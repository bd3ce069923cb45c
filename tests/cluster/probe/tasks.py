"""Job types that leave a row when their body begins and one when it ends."""

from __future__ import annotations

import os
import socket
import time

from celery import shared_task
from pydantic import BaseModel, Field

from config.queues import Queue
from jobs.patience import patiently
from jobs.policies import Retry, Transient
from jobs.registry import NoPayload, job
from jobs.running import RunningJob

from .models import Trace

TICKS = "tick"


class Work(BaseModel, extra="forbid"):
    """Seconds between the two rows, and the batch by which a test finds them."""

    batch: str = Field(max_length=40)
    seconds: float = 0


def leave(job: RunningJob, batch: str, *, ended: bool) -> None:
    """Write a row, once, however long the database is away."""
    row = Trace(
        batch=batch,
        job_id=job.id,
        attempt=job.attempt,
        ended=ended,
        pod=socket.gethostname(),
        generation=os.environ["PROBE_GENERATION"],
    )
    patiently(lambda: Trace.objects.bulk_create([row], ignore_conflicts=True), until=time.monotonic() + 240)


def work(job: RunningJob, payload: Work) -> None:
    """Take as long as is asked for."""
    leave(job, payload.batch, ended=False)
    time.sleep(payload.seconds)
    leave(job, payload.batch, ended=True)


# One per queue.
work_on = {queue: job(queue=queue, payload=Work, name=f"probe.work_{queue}")(work) for queue in Queue}


@job(queue=Queue.DEFAULT, payload=Work)
def eat(job: RunningJob, payload: Work) -> None:
    """Take memory until there is none."""
    leave(job, payload.batch, ended=False)
    eaten = []
    while True:
        # Written to, for memory that nobody touches costs nothing.
        eaten.append(b"x" * 4_000_000)


@job(queue=Queue.DEFAULT, payload=Work, retry=Retry(attempts=2, first=1))
def fail(job: RunningJob, payload: Work) -> None:
    """Fail as often as it is tried."""
    raise Transient("as it was asked to")


@shared_task(runs_on=Queue.DEFAULT)
def plain() -> None:
    """A task that is no job."""


@job(queue=Queue.CRITICAL, payload=NoPayload)
def tick(job: RunningJob, payload: NoPayload) -> None:
    """What the schedule asks for."""
    leave(job, TICKS, ended=True)
