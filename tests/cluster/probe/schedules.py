"""A schedule that is due often enough to be watched."""

from __future__ import annotations

from datetime import timedelta

from schedules.declarations import schedule

from .tasks import tick

TICK = schedule(name="probe.tick", job=tick, every=timedelta(seconds=10), expires=timedelta(seconds=60))
