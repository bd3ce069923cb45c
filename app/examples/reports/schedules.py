"""When reports are made without being asked for."""

from __future__ import annotations

from datetime import timedelta

from schedules.declarations import schedule

from .tasks import airports_per_state

DAILY_DIGEST = schedule(
    name="reports.daily-digest",
    job=airports_per_state,
    crontab="0 6 * * *",
    timezone="UTC",
    # A digest that no worker began by seven is not made at noon: tomorrow's comes.
    expires=timedelta(hours=1),
)
