"""Schedules declared in code, in the module `schedules` of an app.

    schedule(
        name="reports.daily", job=airports_per_state, crontab="0 6 * * *", timezone="Europe/Berlin",
        expires=timedelta(hours=1),
    )

`manage.py sync_schedules` stores them, Beat makes their jobs. What is wrong with one stops the program's start, by
the system checks in `checks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel

from jobs.registry import JobType, NoPayload

P = TypeVar("P", bound=BaseModel)

NOTHING = NoPayload()


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A schedule as its author wrote it, not checked yet."""

    name: str
    job: JobType[Any]
    payload: BaseModel
    crontab: str | None
    every: timedelta | None
    timezone: str
    expires: timedelta | None


_declared: list[Declaration] = []


def schedule(
    *,
    name: str,
    job: JobType[P],
    payload: P = NOTHING,  # type: ignore[assignment]  # mypy has no default for a type variable
    crontab: str | None = None,
    every: timedelta | None = None,
    timezone: str = "UTC",
    expires: timedelta | None = None,
) -> Declaration:
    """Declare a schedule: one of `crontab` and `every`, and always `expires`.

    `crontab` is minute, hour, day of the month, month and day of the week on the wall clock of `timezone`. `every`
    counts from 1970 in UTC, so every hour is on the hour. `expires` is how long after it was due a turn may still be
    started: a turn that Beat, the queue or the workers kept longer is cancelled and says so.
    """
    declaration = Declaration(
        name=name, job=job, payload=payload, crontab=crontab, every=every, timezone=timezone, expires=expires
    )
    _declared.append(declaration)
    return declaration


def declared() -> list[Declaration]:
    """Every schedule of the installed apps."""
    return list(_declared)
