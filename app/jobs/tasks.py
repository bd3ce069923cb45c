"""The one Celery task of the engine. Its message carries the row's id and nothing else."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from celery.exceptions import Ignore

from config.celery import JOB_TASK
from config.metrics import posted

from .execution import run as run_job


@shared_task(  # type: ignore[call-overload, untyped-decorator]  # the stubs do not know `Request`
    name=JOB_TASK,
    acks_late=True,
    # The row says what became of a lost attempt; redelivery by the broker would be a second opinion.
    reject_on_worker_lost=False,
    ignore_result=True,
    # Of what it returns, the numbers of metrics, nothing may be cut off.
    resultrepr_maxsize=1_000_000,
    Request="jobs.worker:JobRequest",
)
def run(job_id: str) -> str | None:
    """Run the job, if this delivery is the one that gets it. Returns what its process has counted meanwhile."""
    if not run_job(UUID(job_id)):
        # Celery remembers the ids of successes and would not cancel a running twin of this message at a cold stop.
        raise Ignore
    return posted()
