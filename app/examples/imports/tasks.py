"""The job types of imports."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError

from config.queues import Queue
from jobs.policies import Retry
from jobs.registry import job
from jobs.running import RunningJob

from . import services
from .schemas import ImportRequest, ImportResult


@job(queue=Queue.HEAVY, payload=ImportRequest, retry=Retry(on=[OperationalError, InterfaceError]))
def import_airports(job: RunningJob, request: ImportRequest) -> ImportResult:
    """Import airports from an uploaded CSV file. Rejected rows are named in a file; the others are kept."""
    return services.import_airports(request, job)
