"""When the application looks after itself."""

from __future__ import annotations

from datetime import timedelta

from schedules.declarations import schedule

from .tasks import housekeeping

HOUSEKEEPING = schedule(
    name="ops.housekeeping",
    job=housekeeping,
    crontab="17 3 * * *",
    # Whenever in the next hours there is time for it.
    expires=timedelta(hours=12),
)
