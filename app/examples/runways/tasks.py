"""The job types of runways."""

from __future__ import annotations

from config.queues import Queue
from jobs.registry import job
from jobs.running import RunningJob

from ..outside import PATIENT
from . import services
from .schemas import Position, SyncRequest


@job(queue=Queue.IO, payload=SyncRequest, retry=PATIENT, quota=1)
def sync_runways(job: RunningJob, request: SyncRequest) -> Position:
    """Bring the runways up to date with a feed, page by page."""
    return services.sync_runways(request, job)
