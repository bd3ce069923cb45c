"""The job types of running the application."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import InterfaceError, OperationalError

from config.queues import Queue
from jobs.housekeeping import Deleted, delete_old
from jobs.instance import instance
from jobs.orders import Order, enqueue
from jobs.policies import Retry
from jobs.registry import JobType, NoPayload, job
from jobs.running import RunningJob

from .fingerprint import fingerprint


@job(queue=Queue.DEFAULT, exposed=False, retry=Retry(on=[OperationalError, InterfaceError]))
def housekeeping(job: RunningJob, payload: NoPayload) -> dict[str, Any]:
    """Delete what has been kept long enough, for half of the queue's time; what is left, another job deletes."""

    def say(deleted: Deleted) -> None:
        job.progress(deleted.jobs + deleted.files, unit="jobs and uploads")

    deleted = delete_old(job.remaining / 2, say)
    if deleted.more:
        # One successor, however often this job is run.
        enqueue(Order(type=job.type, payload=payload, schedule=job.type, slot=str(job.id)))
    return asdict(deleted)


def canary(job: RunningJob, payload: NoPayload) -> dict[str, str]:
    """Answer, to show that work of this queue is done."""
    return {"worker": instance(), "fingerprint": fingerprint()}


CANARIES: dict[Queue, JobType[NoPayload]] = {
    queue: job(queue=queue, exposed=False, name=f"ops.canary.{queue}")(canary) for queue in Queue
}
