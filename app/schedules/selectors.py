"""What a user may see of the schedules: those of code and their own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet

from .models import Schedule
from .rules import Crontab, Every, Rule
from .services import rule_of

if TYPE_CHECKING:
    from accounts.models import User


def visible(user: User) -> QuerySet[Schedule]:
    """The schedules that code declares, and the user's own."""
    known = Schedule.objects.select_related("entry__interval", "entry__crontab")
    return known.filter(Q(owner=user) | Q(owner=None)).order_by("entry_id")


def rule(schedule: Schedule) -> Rule | None:
    """When its turns are due; None when the stored rule cannot be read."""
    try:
        return rule_of(schedule.entry)
    except ValueError:
        return None


def crontab(schedule: Schedule) -> Crontab | None:
    """Its rule, if that is a crontab."""
    found = rule(schedule)
    return found if isinstance(found, Crontab) else None


def period(schedule: Schedule) -> timedelta | None:
    """The time between its turns, if its rule is an interval."""
    found = rule(schedule)
    return found.period if isinstance(found, Every) else None


def next_turn(schedule: Schedule, now: datetime) -> datetime | None:
    """When its next turn is due; None while it is disabled."""
    found = rule(schedule)
    return found.following(now) if found and schedule.entry.enabled else None


def lateness(now: datetime) -> Iterator[tuple[Schedule, float]]:
    """Each enabled schedule, and for how many seconds the first turn that Beat has not taken has been due (or 0).

    A rule that cannot be read is left out: Beat says so itself.
    """
    for schedule in Schedule.objects.filter(entry__enabled=True).select_related("entry__interval", "entry__crontab"):
        if found := rule(schedule):
            taken = schedule.entry.last_run_at
            since = max(taken, schedule.in_force_since) if taken else schedule.in_force_since
            yield schedule, max((now - found.following(since)).total_seconds(), 0)
