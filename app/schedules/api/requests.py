"""What the API takes in, and the drafts that it becomes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError
from rest_framework.request import Request

from config.problems import Code, Problem
from jobs.api.requests import body_faults, plain_errors
from schedules import selectors
from schedules.definitions import NAME_MAX_CHARACTERS, Draft
from schedules.models import Schedule

# Numbers beyond this are no times; the limits themselves are in `definitions` and `rules`.
SECONDS_MAX = 10**9


class ScheduleRequest(BaseModel, extra="forbid"):
    """A new schedule: one of `crontab` and `every`."""

    name: str = Field(min_length=1, max_length=NAME_MAX_CHARACTERS, description="yours alone; it cannot be changed")
    type: str = Field(max_length=100, description="the job type's name")
    payload: Any = Field(default_factory=dict, description="what the job type's schema asks for")
    crontab: str | None = Field(
        default=None,
        max_length=350,
        description="minute, hour, day of the month, month and day of the week, such as '30 6 * * mon-fri'",
    )
    timezone: str = Field(default="UTC", max_length=63, description="whose wall clock the crontab means")
    every: int | None = Field(
        default=None, ge=1, le=SECONDS_MAX, description="seconds between turns, counted from 1970 in UTC"
    )
    expires: int = Field(ge=1, le=SECONDS_MAX, description="seconds after it was due that a turn may still be started")
    enabled: bool = True

    def draft(self) -> Draft:
        return Draft(
            name=self.name,
            type=self.type,
            payload=self.payload,
            crontab=self.crontab,
            every=timedelta(seconds=self.every) if self.every else None,
            timezone=self.timezone,
            expires=timedelta(seconds=self.expires),
        )


class ScheduleChange(BaseModel, extra="forbid"):
    """What to change; what is left out stays. A crontab takes the place of an interval, and the other way round."""

    payload: Any = None
    crontab: str = Field(default="", max_length=350)
    timezone: str = Field(default="UTC", max_length=63)
    every: int = Field(default=1, ge=1, le=SECONDS_MAX)
    expires: int = Field(default=1, ge=1, le=SECONDS_MAX)
    enabled: bool = True

    def draft(self, schedule: Schedule) -> Draft:
        """The schedule as it shall be."""
        given = self.model_fields_set
        draft = draft_of(schedule)
        if "every" in given:
            draft = replace(draft, every=timedelta(seconds=self.every), crontab=None, timezone="UTC")
        if "crontab" in given:
            draft = replace(
                draft, crontab=self.crontab, every=timedelta(seconds=self.every) if "every" in given else None
            )
        changes: dict[str, Any] = {name: getattr(self, name) for name in ("payload", "timezone") if name in given}
        if "expires" in given:
            changes["expires"] = timedelta(seconds=self.expires)
        return replace(draft, **changes)


def draft_of(schedule: Schedule) -> Draft:
    """The stored schedule as somebody would have written it."""
    crontab = selectors.crontab(schedule)
    return Draft(
        name=schedule.name,
        type=schedule.job_type,
        payload=schedule.payload,
        crontab=crontab.expression if crontab else None,
        every=selectors.period(schedule),
        timezone=crontab.timezone if crontab else "UTC",
        expires=schedule.expires,
    )


M = TypeVar("M", bound=BaseModel)


def read_body(model: type[M], request: Request) -> M:
    """The body. Raises Problem (422)."""
    try:
        return model.model_validate(request.data)
    except ValidationError as error:
        raise Problem(Code.INVALID_BODY, errors=body_faults(plain_errors(error))) from None
