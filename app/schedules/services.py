"""Storing schedules, keeping the declared ones as code says, and taking their turns. Knows neither Celery nor HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from jobs import registry
from jobs.models import Job
from jobs.orders import InvalidPayload, Order, QuotaExceeded, enqueue, parse_payload

from .definitions import Definition
from .models import Schedule
from .rules import Crontab, Every, Rule, Turn

if TYPE_CHECKING:
    from accounts.models import User

LOCK = 7_165_003
MOST_PER_USER = 100


class NameTaken(Exception):
    """The owner has a schedule of this name, or an entry of Celery's own kind has it."""


class TooMany(Exception):
    """The owner has as many schedules as a user may have."""


class TurnRefused(Exception):
    """A turn can make no job; the text says why, for its owner."""


@dataclass
class Sync:
    """What a synchronisation did, by the names of schedules."""

    created: list[str] = field(default_factory=list)
    changed: dict[str, list[str]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)


def stored(schedule: Schedule) -> Definition:
    """The schedule as the database has it. Raises ValueError when its rule cannot be read."""
    return Definition(
        name=schedule.name,
        type=schedule.job_type,
        payload=schedule.payload,
        rule=rule_of(schedule.entry),
        expires=schedule.expires,
    )


def rule_of(entry: PeriodicTask) -> Rule:
    """When an entry's turns are due. Raises ValueError when it is neither an interval nor a crontab that we know."""
    if entry.interval:
        return Every(timedelta(**{entry.interval.period: entry.interval.every}))
    if entry.crontab:
        row = entry.crontab
        parts = (row.minute, row.hour, row.day_of_month, row.month_of_year, row.day_of_week)
        return Crontab(" ".join(parts), str(row.timezone))
    raise ValueError(f"the entry {entry.name!r} has no interval and no crontab; a schedule of jobs must have one")


def create(definition: Definition, owner: User | None, *, enabled: bool = True) -> Schedule:
    """Store a new schedule. Raises NameTaken and, for a user, TooMany."""
    with transaction.atomic():
        _lock()
        check_room(definition.name, owner)
        name = _entry_name(definition.name, owner)
        entry = PeriodicTask(name=name, task=definition.type, enabled=enabled, **_rule_rows(definition.rule))
        entry.save()
        return Schedule.objects.create(
            entry=entry,
            name=definition.name,
            owner=owner,
            job_type=definition.type,
            payload=definition.payload,
            expires=definition.expires,
        )


def check_room(name: str, owner: User | None) -> None:
    """Raises NameTaken and TooMany if the owner cannot have another schedule, or not of this name."""
    if PeriodicTask.objects.filter(name=_entry_name(name, owner)).exists():
        raise NameTaken(f"a schedule called {name!r} exists already; it needs another name")
    if owner and Schedule.objects.filter(owner=owner).count() >= MOST_PER_USER:
        raise TooMany(f"a user may have at most {MOST_PER_USER} schedules; delete one first")


def change(schedule: Schedule, definition: Definition | None = None, *, enabled: bool | None = None) -> list[str]:
    """Bring a schedule to a definition, or switch it. Returns the names of the parts that changed.

    A rule that is new or was switched on counts from now: it makes up no turn of a time when it was not in force.
    The name stays: turns are told apart by it.
    """
    with transaction.atomic():
        entry = PeriodicTask.objects.select_for_update().get(pk=schedule.pk)
        parts = differences(schedule, definition) if definition else []
        if enabled is not None and enabled != entry.enabled:
            parts.append("enabled")
            entry.enabled = enabled
        if definition and parts:
            for column, row in _rule_rows(definition.rule).items():
                setattr(entry, column, row)
            entry.task = schedule.job_type = definition.type
            schedule.payload, schedule.expires = definition.payload, definition.expires
            schedule.save(update_fields=["job_type", "payload", "expires"])
        if parts:
            # Not `last_run_at`, which Beat may be writing.
            entry.save(update_fields=["task", "interval", "crontab", "enabled", "date_changed"])
        if {"rule", "enabled"} & set(parts):
            Schedule.objects.filter(pk=schedule.pk).update(in_force_since=Now())
    schedule.refresh_from_db()
    return parts


def remove(schedule: Schedule) -> None:
    """Delete a schedule. Jobs that it made stay."""
    schedule.entry.delete()


def sync(declared: Iterable[Definition]) -> Sync:
    """Make the code-owned schedules those that are declared. Never touches a user's, nor what an admin disabled.

    Raises NameTaken when an entry of Celery's own kind has the name of a declared one.
    """
    done = Sync()
    with transaction.atomic():
        _lock()
        known = {one.name: one for one in Schedule.objects.filter(owner=None).select_related("entry")}
        for definition in declared:
            schedule = known.pop(definition.name, None)
            if schedule is None:
                create(definition, None)
                done.created.append(definition.name)
            elif parts := change(schedule, definition):
                done.changed[definition.name] = parts
            else:
                done.unchanged.append(definition.name)
            if schedule and not schedule.entry.enabled:
                done.disabled.append(definition.name)
        for name, schedule in known.items():
            remove(schedule)
            done.removed.append(name)
    return done


def advance(entry: PeriodicTask, seen: datetime | None, now: datetime) -> bool:
    """Say that an entry's turn is being taken. False when somebody took it, changed or disabled the entry meanwhile.

    Written here and not later: a Beat that is killed after a turn must not take it again.
    """
    mine = PeriodicTask.objects.filter(pk=entry.pk, last_run_at=seen, enabled=True)
    return bool(mine.update(last_run_at=now, total_run_count=F("total_run_count") + 1))


def make_job(schedule: Schedule, turn: Turn) -> Job:
    """The job of a turn: the same one whoever asks, and however often.

    Raises TurnRefused when what was right when the schedule was stored is so no longer, or its owner has too much.
    """
    if known := Job.objects.filter(schedule=schedule.entry.name, slot=turn.slot).first():
        return known
    declared = registry.find(schedule.job_type)
    if declared is None:
        raise TurnRefused(f"no job type is called {schedule.job_type!r} in this version")
    if schedule.owner and not (schedule.owner.is_active and declared.exposed):
        raise TurnRefused(f"its owner may not ask for {schedule.job_type} any more")
    try:
        return enqueue(_order(schedule, turn))
    except InvalidPayload as error:
        raise TurnRefused(f"the payload does not fit {schedule.job_type} any more: {error}") from None
    except QuotaExceeded as error:
        raise TurnRefused(str(error)) from None


def note_fault(schedule: Schedule, fault: str) -> None:
    """Keep why a turn made no job where the owner sees it; an empty text when it made one."""
    if schedule.fault != fault:
        Schedule.objects.filter(pk=schedule.pk).update(fault=fault)
        schedule.fault = fault


def differences(schedule: Schedule, definition: Definition) -> list[str]:
    """The names of the parts in which what is stored is not what is defined."""
    try:
        old = stored(schedule)
    except ValueError:
        # Somebody edited the rule's row by hand into what we cannot read.
        return ["rule"]
    return [part.name for part in fields(definition) if getattr(old, part.name) != getattr(definition, part.name)]


def _entry_name(name: str, owner: User | None) -> str:
    """Unique among all entries; the names of declared schedules have no colon."""
    return f"{owner.pk}:{name}" if owner else name


def _order(schedule: Schedule, turn: Turn) -> Order:
    """Two that ask at once are told apart by the unique schedule and slot."""
    return Order(
        type=schedule.job_type,
        payload=parse_payload(schedule.job_type, schedule.payload),
        owner=schedule.owner,
        label=schedule.name,
        expires_at=turn.due + schedule.expires,
        schedule=schedule.entry.name,
        slot=turn.slot,
    )


def _rule_rows(rule: Rule) -> dict[str, Any]:
    """The columns of an entry that say when. Rows are shared by entries with the same rule."""
    if isinstance(rule, Every):
        spec = {"every": int(rule.period.total_seconds()), "period": IntervalSchedule.SECONDS}
        row = IntervalSchedule.objects.filter(**spec).first() or IntervalSchedule.objects.create(**spec)
        return {"interval": row, "crontab": None}
    minute, hour, day_of_month, month_of_year, day_of_week = rule.expression.split()
    spec = {
        "minute": minute,
        "hour": hour,
        "day_of_month": day_of_month,
        "month_of_year": month_of_year,
        "day_of_week": day_of_week,
        "timezone": rule.timezone,
    }
    row = CrontabSchedule.objects.filter(**spec).first() or CrontabSchedule.objects.create(**spec)
    return {"interval": None, "crontab": row}


def _lock() -> None:
    """One process at a time stores schedules; until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
