"""Handing committed jobs to the broker. Nothing else publishes.

A job whose message could not be pushed is not lost: its row says so, and the relay dispatches it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import groupby
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction

from . import broker, metrics
from .messages import Stamped, message
from .models import Job
from .rows import rows_from
from .states import EventKind, State
from .transitions import note

log = structlog.get_logger(__name__)

# Messages in one round trip.
BATCH = 500

_paused_until = 0.0


def resume() -> None:
    """Publish again at once, whatever failed before."""
    global _paused_until
    _paused_until = 0.0


def publish(job_ids: Iterable[UUID]) -> None:
    """Push a message for each queued job that has none yet. Called after the commit; never raises for the broker.

    After a failed push this process leaves publishing to the relay for DISPATCH_PAUSE seconds, so that a broker
    which is away costs one request some tenths of a second, not every request.
    """
    if time.monotonic() < _paused_until:
        return
    push(stamp(list(job_ids), undispatched=True))


def deliver(jobs: Sequence[Stamped], stamped_at: float) -> None:
    """Push the messages of new jobs, which were stamped when they were inserted. Called after the commit, as `publish`.

    `stamped_at` is by this process's monotonic clock. A stamp from the beginning of a long transaction would look like
    a message that others have overtaken, so it is renewed.
    """
    if time.monotonic() - stamped_at > settings.DISPATCH_UNDISPATCHED:
        jobs = stamp([job.id for job in jobs], numbers={job.id: job.dispatch for job in jobs})
    if time.monotonic() < _paused_until:
        _unstamp(jobs)
    else:
        push(jobs)


def republish(jobs: Sequence[Job]) -> int:
    """Push a new message for each of these queued jobs, whatever became of the one before. Returns how many."""
    with transaction.atomic():
        # The rows' locks keep their events in the order of their ids.
        again = stamp([job.id for job in jobs], numbers={job.id: job.dispatch for job in jobs})
        note((job.id for job in again), EventKind.REDISPATCHED)
    requests = {job.id: job.request_id for job in jobs}
    for job in again:
        log.info("message sent again", request_id=requests[job.id], job_id=str(job.id))
    sent = push(again)
    if sent == len(again):
        metrics.count_by_queue(metrics.REDISPATCHED, (job.queue for job in again))
    return sent


def stamp(job_ids: list[UUID], *, undispatched: bool = False, numbers: dict[UUID, int] | None = None) -> list[Stamped]:
    """Give queued jobs their next message's number and time, before the message is pushed.

    Guarded: only those without a message (`undispatched`), or whose newest message still has the number given.
    """
    if not job_ids:
        return []
    guard = "dispatched_at IS NULL" if undispatched else "TRUE"
    known = numbers or {}
    rows = rows_from(
        f"""
        UPDATE jobs_job SET dispatch = dispatch + 1, dispatched_at = clock_timestamp()
        FROM unnest(%s::uuid[], %s::int[]) AS wanted (wanted_id, number)
        WHERE id = wanted_id AND state = %s AND {guard} AND (number IS NULL OR dispatch = number)
        RETURNING id, queue, dispatch, dispatched_at
        """,  # noqa: S608  # `guard` is one of two constants
        [job_ids, [known.get(job_id) for job_id in job_ids], State.QUEUED],
    )
    return [Stamped(*row) for row in rows]


def push(jobs: Sequence[Stamped]) -> int:
    """Push one message per stamped job; rows whose push is known to have failed say so. Returns how many went."""
    global _paused_until
    ordered = sorted(jobs, key=lambda job: job.queue)
    for start in range(0, len(ordered), BATCH):
        try:
            _send(ordered[start : start + BATCH])
        except broker.BrokerError as error:
            _paused_until = time.monotonic() + settings.DISPATCH_PAUSE
            _unstamp(ordered[start:])
            metrics.count_by_queue(metrics.DISPATCH_FAILURES, (job.queue for job in ordered[start:]))
            log.warning("broker unreachable, the relay will dispatch", jobs=len(ordered) - start, error=str(error))
            return start
    return len(ordered)


def _send(jobs: Sequence[Stamped]) -> None:
    """One round trip, and one command for each queue among the jobs."""
    pipe = broker.client().pipeline(transaction=False)
    for queue, members in groupby(jobs, key=lambda job: job.queue):
        pipe.lpush(queue, *map(message, members))
    pipe.execute()


def _unstamp(jobs: Sequence[Stamped]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE jobs_job SET dispatched_at = NULL
            FROM unnest(%s::uuid[], %s::int[]) AS failed (id, number)
            WHERE jobs_job.id = failed.id AND dispatch = failed.number AND state = %s
            """,
            [[job.id for job in jobs], [job.dispatch for job in jobs], State.QUEUED],
        )
