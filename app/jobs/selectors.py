"""What can be asked about jobs, files and queues. Whoever asks sees what is theirs and nothing else, staff included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from config.queues import Queue

from . import broker, registry
from .models import File, Job, JobEvent
from .states import State

if TYPE_CHECKING:
    from accounts.models import User

# Waiting jobs are counted so far and no further: a long queue must not make looking at it slow.
COUNTED_MAX = 10_000

# What a list leaves out: a page of it would be unbounded.
LARGE_COLUMNS = ("payload", "result", "checkpoint", "traceback")


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which jobs to list: each value given narrows the list."""

    type: str | None = None
    state: State | None = None
    queue: Queue | None = None
    parent: UUID | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


def jobs_of(owner: User, wanted: JobFilter, *, before: UUID | None, limit: int) -> list[Job]:
    """The owner's jobs, newest first, older than `before`; without their large columns."""
    conditions: dict[str, Any] = {
        "id__lt": before,
        "type": wanted.type,
        "state": wanted.state,
        "queue": wanted.queue,
        "parent": wanted.parent,
        "created_at__gt": wanted.created_after,
        "created_at__lt": wanted.created_before,
    }
    given = {name: value for name, value in conditions.items() if value is not None}
    jobs = Job.objects.filter(owner=owner, **given).select_related("retried_as").defer(*LARGE_COLUMNS)
    return list(jobs.order_by("-id")[:limit])


def job_of(owner: User, job_id: UUID) -> Job:
    """The owner's job. Raises Job.DoesNotExist, also for somebody else's."""
    return Job.objects.select_related("retried_as").defer("checkpoint", "traceback").get(id=job_id, owner=owner)


def pulse_of(owner: User, job_id: UUID) -> Job:
    """The owner's job with its state and progress alone. Raises Job.DoesNotExist as `job_of`."""
    return Job.objects.only("state", "progress").get(id=job_id, owner=owner)


def events_of(job: Job, *, after: int, limit: int) -> list[JobEvent]:
    """The job's events in their order, those after the event with this id."""
    return list(JobEvent.objects.filter(job=job, id__gt=after).select_related("actor").order_by("id")[:limit])


def files_of_job(job: Job, *, limit: int) -> list[File]:
    """What the job made, without the contents."""
    return list(_files().filter(job=job).order_by("id")[:limit])


def file_of(owner: User, file_id: UUID) -> File:
    """The owner's file, its content deferred. Raises File.DoesNotExist, also for somebody else's."""
    return _files().get(id=file_id, owner=owner)


def _files() -> QuerySet[File]:
    return File.objects.defer("content")


def exposed_types() -> list[registry.JobType[Any]]:
    """The job types that users may create, by name."""
    return [declared for declared in registry.job_types() if declared.exposed]


def exposed_type(name: str) -> registry.JobType[Any] | None:
    """The job type with this name or alias, if users may create it."""
    declared = registry.find(name)
    return declared if declared and declared.exposed else None


@dataclass(frozen=True)
class DeadLetters:
    """Dead letters of one kind: the same type, reason, exception and place. `error` is the newest one's."""

    type: str
    fingerprint: str
    reason: str
    error: str
    count: int
    first_at: datetime
    last_at: datetime


def dead_letters(owner: User | None, *, limit: int) -> list[DeadLetters]:
    """The kinds of dead letters that nobody has retried, newest first; everybody's when `owner` is None."""
    with connection.cursor() as cursor:
        cursor.execute(DEAD_LETTERS, {"owner": owner.pk if owner else None, "limit": limit})
        return [DeadLetters(*row) for row in cursor.fetchall()]


def dead_of_kind(owner: User | None, fingerprint: str) -> QuerySet[Job]:
    """The dead letters with this fingerprint that nobody has retried, oldest first."""
    jobs = Job.objects.filter(state=State.DEAD, fingerprint=fingerprint, retried_as=None).order_by("id")
    return jobs if owner is None else jobs.filter(owner=owner)


DEAD_LETTERS = """
    SELECT type, fingerprint, (array_agg(reason ORDER BY id DESC))[1], (array_agg(error ORDER BY id DESC))[1],
        count(*), min(finished_at), max(finished_at)
    FROM jobs_job dead
    WHERE state = 'dead' AND (%(owner)s::bigint IS NULL OR owner_id = %(owner)s)
        AND NOT EXISTS (SELECT FROM jobs_job repeat WHERE repeat.retry_of_id = dead.id)
    GROUP BY type, fingerprint ORDER BY max(finished_at) DESC LIMIT %(limit)s
"""


@dataclass(frozen=True)
class QueueState:
    """What a queue holds. `waiting` is exact up to COUNTED_MAX; `oldest_age` is in seconds since the job was due.

    `broker` is None when Redis cannot be reached.
    """

    queue: Queue
    waiting: int
    waiting_exact: bool
    running: int
    oldest_age: float | None
    broker: broker.Counts | None


def queue_states(queues: Sequence[Queue]) -> list[QueueState]:
    """What these queues hold, at a bounded price however long they are."""
    in_broker = _broker_counts(queues)
    with connection.cursor() as cursor:
        cursor.execute(QUEUE_STATES, [list(map(str, queues)), COUNTED_MAX + 1])
        rows = {name: rest for name, *rest in cursor.fetchall()}
    states = []
    for queue in queues:
        waiting, oldest_age, running = rows[queue.value]
        states.append(
            QueueState(
                queue=queue,
                waiting=min(waiting, COUNTED_MAX),
                waiting_exact=waiting <= COUNTED_MAX,
                running=running,
                oldest_age=oldest_age,
                broker=in_broker.get(queue),
            )
        )
    return states


# The line is walked in the order of dispatch, along the index `job_waiting`. So the oldest of a longer line than is
# counted is exact too, but for jobs that were dispatched anew.
QUEUE_STATES = """
    SELECT name, waiting.number, waiting.oldest_age, running.number
    FROM unnest(%s::text[]) AS queues (name)
    CROSS JOIN LATERAL (
        SELECT count(*) AS number, extract(epoch FROM statement_timestamp() - min(run_at))::float8 AS oldest_age
        FROM (
            SELECT run_at FROM jobs_job WHERE queue = name AND state = 'queued' ORDER BY dispatched_at LIMIT %s
        ) AS line
    ) AS waiting
    CROSS JOIN LATERAL (SELECT count(*) AS number FROM jobs_job WHERE queue = name AND state = 'running') AS running
"""


def _broker_counts(queues: Sequence[Queue]) -> dict[Queue, broker.Counts]:
    """Nothing more is asked of a Redis that did not answer once: each question costs its timeout."""
    found: dict[Queue, broker.Counts] = {}
    for queue in queues:
        try:
            found[queue] = broker.counts(queue)
        except broker.BrokerError:
            break
    return found
