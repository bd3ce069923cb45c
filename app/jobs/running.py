"""What a running job can say and ask: progress, checkpoints, files, and whether to stop."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from .models import File, Job
from .states import State

# Seconds between two writes of progress.
PROGRESS_INTERVAL = 0.5


class Interrupted(BaseException):
    """The attempt has to end. Not an `Exception`, so that `except Exception` does not swallow it; `finally` runs."""


class Cancelled(Interrupted):
    """Somebody asked for the job to be cancelled."""


class AttemptLost(Interrupted):
    """The attempt was given up: its lease ran out, and another worker may be running the job."""


class Waiting(Interrupted):
    """The job has asked others for parts of its work and goes on when they have ended."""


class TimeLimitReached(Interrupted):
    """The service has run as long as its queue allows."""


class RunningJob:
    """The attempt as its service sees it. `id`, `type`, `attempt` and `owner_id` say whose it is."""

    def __init__(self, job: Job, time_limit: float) -> None:
        self.id: UUID = job.id
        self.type: str = job.type
        self.attempt: int = job.attempt
        self.owner_id: int | None = job.owner_id
        self.checkpoint: Any = job.checkpoint
        self._worker = job.worker
        self._deadline = time.monotonic() + time_limit
        self._progress = job.progress
        self._written_at = 0.0

    @property
    def remaining(self) -> float:
        """Seconds until the time limit. Give it to clients of other systems as their timeout."""
        return self._deadline - time.monotonic()

    def progress(self, current: int, total: int | None = None, unit: str = "", message: str = "") -> None:
        """Tell how far the job is. Written at most twice a second; every call may raise Interrupted.

        A job that calls this now and then can be cancelled and notices when its attempt was given up.
        """
        if self.remaining <= 0:
            raise TimeLimitReached
        last = total is not None and current >= total
        if not last and time.monotonic() - self._written_at < PROGRESS_INTERVAL:
            return
        self._written_at = time.monotonic()
        self._progress = {"current": current, "total": total, "unit": unit, "message": message}
        try:
            self._write(progress=self._progress)
        except (OperationalError, InterfaceError):
            # Progress is not worth the attempt: a database that is away comes back or the finish waits for it.
            if connection.in_atomic_block:
                raise
            connection.close()

    def save_checkpoint(self, checkpoint: Any) -> None:
        """Store where the next attempt goes on. In the transaction of the work that it speaks of, it is exact.

        Raises Interrupted when the attempt has to end; the surrounding transaction is then rolled back.
        """
        self._write(checkpoint=checkpoint)
        self.checkpoint = checkpoint

    def save_file(self, name: str, content_type: str, content: bytes) -> File:
        """Keep a file with the job, for its owner to download."""
        return File.objects.create(
            owner_id=self.owner_id, job_id=self.id, name=name, content_type=content_type, size=len(content),
            content=content,
        )  # fmt: skip

    def _write(self, **changes: Any) -> None:
        """Update the row while it is still this attempt's, and obey what it says."""
        own = Job.objects.filter(id=self.id, state=State.RUNNING, attempt=self.attempt, worker=self._worker)
        if not own.update(**changes):
            raise AttemptLost
        if own.filter(cancel_requested=True).exists():
            raise Cancelled
