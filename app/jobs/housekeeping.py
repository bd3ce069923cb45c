"""Deleting what nobody needs any more: jobs that ended long ago with all that is theirs, and forgotten uploads.

In small transactions, so that nothing waits for it, and within a time, so that it fits its queue. How long a job is
kept is said by its state (JOB_RETENTION_*) or by its type (`@job(keep=…)`). What shall outlive it is taken by receivers
of the signal `signals.deleting_jobs`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from . import registry
from .models import File, Job
from .policies import Keep
from .signals import deleting_jobs
from .states import ACTIVE, ENDED, State

BATCH = 1_000
# The types that ended jobs have: a step along the index for each, where DISTINCT would read all of it.
TYPES_OF_ENDED = """
    WITH RECURSIVE known AS (
        (SELECT type FROM jobs_job WHERE state IN ('succeeded', 'dead', 'cancelled') ORDER BY type LIMIT 1)
        UNION ALL
        SELECT (
            SELECT type FROM jobs_job
            WHERE state IN ('succeeded', 'dead', 'cancelled') AND type > known.type ORDER BY type LIMIT 1
        ) FROM known WHERE known.type IS NOT NULL
    )
    SELECT type FROM known WHERE type IS NOT NULL
"""
# An id anywhere in a payload may be that of an upload.
UUIDS_IN_PAYLOADS = """
    SELECT DISTINCT (regexp_matches(payload::text, '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'gi'))[1]::uuid
    FROM jobs_job WHERE state = ANY(%s)
"""


@dataclass
class Deleted:
    """How many rows went, and whether there was not enough time for all."""

    jobs: int = 0
    events: int = 0
    files: int = 0
    more: bool = False

    def add(self, counts: dict[str, int]) -> None:
        """Take in what Django says that it deleted."""
        self.jobs += counts.get("jobs.Job", 0)
        self.events += counts.get("jobs.JobEvent", 0)
        self.files += counts.get("jobs.File", 0)


def delete_old(seconds: float, say: Callable[[Deleted], None] = lambda _: None) -> Deleted:
    """Delete ended jobs, and uploads that no active job names, which are older than they are to be kept.

    Dead letters are among them: nobody retried them for so long. Stops after the batch in which `seconds` are over;
    `say` hears of each batch before.
    """
    deleted, until = Deleted(), time.monotonic() + seconds
    for counts in chain(_old_jobs(), _old_uploads()):
        deleted.add(counts)
        if time.monotonic() > until:
            deleted.more = True
            break
        say(deleted)
    return deleted


def _old_jobs() -> Iterator[dict[str, int]]:
    """Delete a batch at each step, type by type, of each the oldest first.

    Round after round until one finds nothing: a parent may be of a type that comes before its children's.
    """
    found = True
    while found:
        found = False
        for type_name in _types_of_ended():
            while counts := _delete_batch(type_name):
                found = True
                yield counts


def _delete_batch(type_name: str) -> dict[str, int]:
    """Delete the oldest jobs of the type. Rows that somebody else has locked are left for another day.

    Children go before their parent, and not before it is old itself: it reads their results.
    """
    keep = _kept(type_name)
    # By these the index `job_ended` finds them.
    candidates = Job.objects.filter(type=type_name, state__in=ENDED, finished_at__lt=_ago(min(keep.values())))
    childless = ~Exists(Job.objects.filter(parent=OuterRef("id")))
    doomed = candidates.filter(_is_old(keep), Q(parent=None) | _parent_is_old(), childless).order_by("finished_at")
    with transaction.atomic():
        free = doomed.select_for_update(skip_locked=True, of=("self",))
        batch = list(free.values_list("id", flat=True)[:BATCH])
        if batch and deleting_jobs.has_listeners():
            deleting_jobs.send(Job, jobs=list(Job.objects.filter(id__in=batch).order_by("finished_at")))
        # Their payloads and results are not read; events and files go with them.
        _, counts = Job.objects.filter(id__in=batch).only("id").delete()
    return counts


def _types_of_ended() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(TYPES_OF_ENDED)
        return [row[0] for row in cursor.fetchall()]


def _old_uploads() -> Iterator[dict[str, int]]:
    """Delete a batch at each step. A job that waits longer than the retention keeps its upload."""
    cutoff = _ago(timedelta(days=settings.JOB_RETENTION_DAYS))
    old = File.objects.filter(job=None, created_at__lt=cutoff).order_by("id").values_list("id", flat=True)
    batch = list(old[:BATCH])
    needed = _named_by_active_jobs() if batch else set()
    while batch:
        _, counts = File.objects.filter(id__in=set(batch) - needed).delete()
        yield counts
        batch = list(old.filter(id__gt=batch[-1])[:BATCH])


def _named_by_active_jobs() -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(UUIDS_IN_PAYLOADS, [list(ACTIVE)])
        return {row[0] for row in cursor.fetchall()}


def _is_old(keep: dict[State, timedelta], prefix: str = "") -> Q:
    """Whether a job, or the one that `prefix` leads to, ended longer ago than it is to be kept."""
    whether = Q()
    for state, age in keep.items():
        whether |= Q(**{f"{prefix}state": state, f"{prefix}finished_at__lt": _ago(age)})
    return whether


def _parent_is_old() -> Q:
    own = [one.name for one in registry.job_types() if one.keep != Keep()]
    whether = ~Q(parent__type__in=own) & _is_old(_kept(""), "parent__")
    for name in own:
        whether |= Q(parent__type=name) & _is_old(_kept(name), "parent__")
    return whether


def _kept(type_name: str) -> dict[State, timedelta]:
    """How long jobs of the type are kept, by the state in which they ended; a type that is unknown says nothing."""
    declared = registry.find(type_name)
    kept = {}
    for state in ENDED:
        own = getattr(declared.keep, state) if declared else None
        kept[state] = own or timedelta(days=getattr(settings, f"JOB_RETENTION_{state.upper()}_DAYS"))
    return kept


def _ago(age: timedelta) -> Combinable:
    return Now() - age
