"""The job types of reports."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError

from config.queues import Queue
from jobs.policies import Retry
from jobs.registry import NoPayload, job
from jobs.running import RunningJob

from . import services
from .schemas import Chunk, ReportResult

DATABASE_AWAY = Retry(on=[OperationalError, InterfaceError])


@job(queue=Queue.HEAVY, retry=DATABASE_AWAY)
def airports_per_state(job: RunningJob, _request: NoPayload) -> ReportResult:
    """Count the airports of each state of the United States, as a CSV file."""
    return services.airports_per_state(job, count_airports)


@job(queue=Queue.HEAVY, payload=Chunk, retry=DATABASE_AWAY, exposed=False)
def count_airports(job: RunningJob, chunk: Chunk) -> dict[str, int]:
    """Count a part of the airports for a report."""
    return services.count_airports(chunk)
