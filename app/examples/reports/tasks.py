"""The job types of reports."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError

from config.queues import Queue
from jobs.policies import Retry
from jobs.registry import NoPayload, job
from jobs.running import RunningJob

from . import services
from .schemas import ReportResult


@job(queue=Queue.HEAVY, retry=Retry(on=[OperationalError, InterfaceError]))
def airports_per_state(job: RunningJob, _request: NoPayload) -> ReportResult:
    """Count the airports of each state of the United States, as a CSV file."""
    return services.airports_per_state(job)
