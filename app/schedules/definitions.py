"""Checking what somebody wrote, code or user, into a schedule that can be stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from config.storable import unstorable
from jobs import registry
from jobs.orders import InvalidPayload, parse_payload

from .declarations import Declaration
from .rules import LONGEST, MINUTE, SECOND, Crontab, Every, Rule, check_timezone

NAME_MAX_CHARACTERS = 100

# What is wrong, by the path of the part: ("expires",), ("payload", "month").
Faults = dict[tuple[str | int, ...], str]


class Faulty(Exception):
    """A schedule cannot be stored; `faults` has a sentence for each part that is wrong."""

    def __init__(self, faults: Faults) -> None:
        super().__init__("; ".join(faults.values()))
        self.faults = faults


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What a schedule makes and when. The payload is as its job type's schema writes it."""

    name: str
    type: str
    payload: Any
    rule: Rule
    expires: timedelta


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What somebody wrote: one of `crontab` and `every`, where nothing has been checked yet."""

    name: str
    type: str
    payload: Any
    crontab: str | None
    every: timedelta | None
    timezone: str
    expires: timedelta | None


def define(draft: Draft, *, by_code: bool = False) -> Definition:
    """Check every part. Raises Faulty with all that is wrong.

    Code may use every job type and any interval; users those that the API exposes, once a minute at most.
    """
    faults: Faults = {}
    rule: Rule | None = None
    expires: timedelta | None = None
    with _noting(faults, "name"):
        _check_name(draft.name)
    with _noting(faults, "expires"):
        expires = _checked_expiry(draft.expires)
    with _noting(faults, "timezone"):
        check_timezone(draft.timezone)
    if ("timezone",) not in faults:
        with _noting(faults, "crontab" if draft.every is None else "every"):
            rule = _rule(draft, shortest=SECOND if by_code else MINUTE)
    payload, wrong = _checked_payload(draft, by_code)
    faults |= wrong
    if faults or rule is None or expires is None:
        raise Faulty(faults)
    return Definition(name=draft.name, type=draft.type, payload=payload, rule=rule, expires=expires)


def definition_of(declaration: Declaration) -> Definition:
    """The schedule that code declares. Raises Faulty."""
    job: object = declaration.job
    if not isinstance(job, registry.JobType):
        raise Faulty({("job",): f"job was {job!r}; it must be a job type: what the decorator @job makes of a function"})
    if not isinstance(declaration.payload, job.payload):
        needed, given = job.payload.__name__, type(declaration.payload).__name__
        raise Faulty({("payload",): f"payload was a {given}; the job type {job.name} needs a {needed}"})
    draft = Draft(
        name=declaration.name,
        type=job.name,
        payload=declaration.payload.model_dump(mode="json"),
        crontab=declaration.crontab,
        every=declaration.every,
        timezone=declaration.timezone,
        expires=declaration.expires,
    )
    return define(draft, by_code=True)


@contextmanager
def _noting(faults: Faults, part: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        faults[part,] = str(error)


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > NAME_MAX_CHARACTERS or not name.isprintable():
        raise ValueError(f"name was {name!r}; it must be 1 to {NAME_MAX_CHARACTERS} characters that can be seen")


def _checked_expiry(expires: timedelta | None) -> timedelta:
    if expires is None:
        raise ValueError("expires is missing; it must say how long after it was due a turn may still be started")
    if not SECOND <= expires <= LONGEST:
        raise ValueError(f"expires was {expires}; it must be from 1 second to 366 days")
    return expires


def _rule(draft: Draft, shortest: timedelta) -> Rule:
    if (draft.crontab is None) == (draft.every is None):
        raise ValueError(f"crontab was {draft.crontab!r} and every was {draft.every}; exactly one must be given")
    if draft.every is None:
        return Crontab(draft.crontab or "", draft.timezone)
    if draft.timezone != "UTC":
        raise ValueError(f"timezone was {draft.timezone!r} beside every, which counts in UTC; leave timezone out")
    if draft.every < shortest:
        raise ValueError(f"every was {draft.every}; it must be at least {shortest}")
    return Every(draft.every)


def _checked_payload(draft: Draft, by_code: bool) -> tuple[Any, Faults]:
    """The payload as its job type's schema writes it, and what is wrong with it."""
    declared = registry.find(draft.type)
    if declared is None or not (by_code or declared.exposed):
        known = ", ".join(one.name for one in registry.job_types() if by_code or one.exposed)
        return None, {("type",): f"type was {draft.type!r}; it must be one of {known}"}
    try:
        payload = parse_payload(draft.type, draft.payload).model_dump(mode="json")
    except InvalidPayload as error:
        return None, {
            ("payload", *one["loc"]): f"payload does not fit {draft.type}: {one['msg']}" for one in error.errors
        }
    if fault := unstorable(payload):
        return None, {("payload",): f"payload {fault}"}
    return payload, {}
