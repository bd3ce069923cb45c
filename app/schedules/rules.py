"""When a schedule's turns are due. Values and arithmetic; no database, no clock of its own.

Whether a turn is due is a function of the rule and of now, never of how long the asker has been away: of all turns
that were missed only the newest counts, and two who ask agree on its slot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from celery.schedules import ParseException
from celery.schedules import crontab as celery_crontab
from django.core.exceptions import ValidationError
from django_celery_beat.validators import crontab_validator

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
LONGEST = timedelta(days=366)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What the narrowest of django-celery-beat's columns holds.
FIELD_MAX_CHARACTERS = 64
# The 29th of February can be eight years away, and on a given day of the week forty.
HORIZON_DAYS = 41 * 366


@cache
def known_timezones() -> frozenset[str]:
    """The names that mean the same on every machine."""
    return frozenset(available_timezones() - {"localtime"})


def check_timezone(name: str) -> None:
    """Raises ValueError for a time zone that nobody knows."""
    if name not in known_timezones():
        raise ValueError(f"timezone was {name!r}; it must be a name such as UTC or Europe/Berlin")


@dataclass(frozen=True)
class Turn:
    """One firing of a rule. `slot` names it: two turns with the same slot are the same turn."""

    due: datetime
    slot: str


@dataclass(frozen=True)
class Every:
    """Once in each span of `period`, counted from 1970 in UTC: every day means at midnight UTC.

    Raises ValueError for a period that is not whole seconds, or not from a second to 366 days.
    """

    period: timedelta

    def __post_init__(self) -> None:
        if not SECOND <= self.period <= LONGEST or self.period % SECOND:
            raise ValueError(f"every was {self.period}; it must be whole seconds, from 1 second to 366 days")

    def __str__(self) -> str:
        return f"every {self.period}"

    def turn(self, since: datetime, now: datetime) -> Turn | None:
        """The newest turn that came due after `since`, if any."""
        due = EPOCH + (now - EPOCH) // self.period * self.period
        return Turn(due, f"{due:%Y-%m-%dT%H:%M:%SZ}") if due > since else None

    def following(self, now: datetime) -> datetime:
        """When the next turn is due."""
        return EPOCH + ((now - EPOCH) // self.period + 1) * self.period


@dataclass(frozen=True)
class Crontab:
    """Minute, hour, day of the month, month and day of the week, on the wall clock of a time zone.

    Everything is reckoned on that clock, so an hour that the clock repeats in autumn has its turns once, and turns
    in an hour that it skips in spring come due when it has skipped them. A day must match all three of its fields
    (Celery's reading; cron would take either day). Raises ValueError for what it cannot read.
    """

    expression: str
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        object.__setattr__(self, "expression", " ".join(self.expression.split()))
        check_timezone(self.timezone)
        try:
            # Celery reads what it knows and passes over the rest; the second reader is strict.
            _ = self._fields
            crontab_validator(self.expression)
            if any(len(field) > FIELD_MAX_CHARACTERS for field in self.expression.split()):
                raise ValueError(f"a field has more than {FIELD_MAX_CHARACTERS} characters")
        except (ParseException, ValidationError, ValueError, LookupError) as error:
            reason = " ".join(error.messages) if isinstance(error, ValidationError) else error
            raise ValueError(
                f"crontab was {self.expression!r} ({reason}); it must be five fields: minute, hour, day of the month, "
                "month, day of the week (0 is Sunday), such as '30 6 * * mon-fri'"
            ) from None

    def __str__(self) -> str:
        return f"{self.expression} {self.timezone}"

    @cached_property
    def _fields(self) -> Any:
        """Celery's reading: a set of numbers per field, which its annotations leave out."""
        return celery_crontab.from_string(self.expression)

    @cached_property
    def _times(self) -> list[time]:
        return [time(hour, minute) for hour in sorted(self._fields.hour) for minute in sorted(self._fields.minute)]

    def turn(self, since: datetime, now: datetime) -> Turn | None:
        """The newest turn that came due after `since`, if any."""
        wall = self._wall(now)
        due = next(
            moment
            for day in self._days(wall.date(), -DAY)
            for at in reversed(self._times)
            if (moment := datetime.combine(day, at)) <= wall
        )
        return Turn(self._shown(due, since), f"{due:%Y-%m-%dT%H:%M}") if due > self._wall(since) else None

    def following(self, now: datetime) -> datetime:
        """When the next turn is due."""
        wall = self._wall(now)
        due = next(
            moment
            for day in self._days(wall.date(), DAY)
            for at in self._times
            if (moment := datetime.combine(day, at)) > wall
        )
        return self._shown(due, now)

    def _days(self, start: date, step: timedelta) -> Iterator[date]:
        """Every matching day from `start` on, forwards or backwards."""
        fields = self._fields
        for number in range(HORIZON_DAYS):
            day = start + number * step
            if (
                day.month in fields.month_of_year
                and day.day in fields.day_of_month
                and day.isoweekday() % 7 in fields.day_of_week
            ):
                yield day

    def _wall(self, moment: datetime) -> datetime:
        """What the wall clock shows."""
        return moment.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None)

    def _shown(self, wall: datetime, after: datetime) -> datetime:
        """The first moment after `after` at which the wall clock shows this, or has skipped it."""
        zone = ZoneInfo(self.timezone)
        earliest = min(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        moment = max(earliest, after.astimezone(UTC).replace(second=0, microsecond=0))
        while self._wall(moment) < wall:
            moment += MINUTE
        return moment


Rule = Every | Crontab
