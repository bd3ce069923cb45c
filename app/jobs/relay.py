"""The relay: one process that repairs. Its rounds sweep (dispatch what is due and not in the broker), reap (give up
attempts whose lease ran out) and take the entries of dead attempts out of the in-flight hash.

Two relays are safe: changes are made under an advisory lock of PostgreSQL, and every one is guarded.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from config.metrics import on
from config.queues import Queue

from . import broker, dispatch, metrics, outcomes
from .counting import count_attempt
from .execution import expire, finish
from .messages import Stamped
from .models import Job
from .states import Reason, State
from .transitions import move
from .workflows import wake_parents

log = structlog.get_logger(__name__)

LOCK = 7_165_001
# Rows that one round dispatches, or gives up, at most.
BATCH = 1_000


class Relay:
    """Its memory is when it last reached the database and last looked into the broker; all else is in the rows."""

    def __init__(self) -> None:
        self._reached_at = 0.0
        self._reached_since: float | None = None
        self._looked_at = 0.0

    def round(self) -> None:
        """Repair once, unless another relay is at it.

        Raises Django's OperationalError when the database is away, `broker.BrokerError` when Redis is; what does not
        need Redis has been done by then.
        """
        with advisory_lock() as mine:
            self._note_contact()
            stamped = sweep() if mine else []
            if mine and self._may_reap():
                reap()
        if dispatch.push(stamped) == len(stamped):
            metrics.count_by_queue(metrics.SWEPT, (one.queue for one in stamped))
        if mine and time.monotonic() - self._looked_at >= settings.DISPATCH_OVERDUE / 6:
            self._looked_at = time.monotonic()
            for queue in Queue:
                # In this order: what a dead worker took and never claimed is missing once its entry is gone.
                forget_dead_entries(queue)
                dispatch.republish(missing_from_broker(queue))
        if on():
            metrics.LAST_ROUND.set_to_current_time()

    def _note_contact(self) -> None:
        """Remember since when the database has answered without a break. A freeze of this process is a break too."""
        now = time.monotonic()
        if now - self._reached_at > settings.JOB_LEASE / 3 + settings.RELAY_INTERVAL:
            self._reached_since = now
        self._reached_at = now

    def _may_reap(self) -> bool:
        """Workers that lost the database with us need a lease's time to renew, before they are taken for dead."""
        return self._reached_since is not None and time.monotonic() - self._reached_since >= settings.JOB_LEASE


@contextmanager
def advisory_lock() -> Iterator[bool]:
    """A transaction in which at most one relay is told True."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        yield cursor.fetchone()[0]


def sweep() -> list[Stamped]:
    """Queue what is due, cancel what came too late, and stamp what has no message. The caller pushes after commit."""
    for waiting in (State.SCHEDULED, State.QUEUED):
        overdue = Job.objects.filter(state=waiting, expires_at__lte=Now()).values_list("id", flat=True)[:BATCH]
        if late := list(overdue):
            expire(waiting, {"id": late})
    wake_parents(list(Job.objects.filter(state=State.SCHEDULED, reason=Reason.WAITING).values_list("id", flat=True)))
    ready = Job.objects.filter(state=State.SCHEDULED, run_at__lte=Now()).exclude(reason=Reason.WAITING)
    due = list(ready.values_list("id", flat=True)[:BATCH])
    if due:
        move(State.QUEUED, None, came_from=State.SCHEDULED, where={"id": due}, changes={})
    forgotten = Job.objects.filter(
        queue__in=list(Queue),
        state=State.QUEUED,
        dispatched_at=None,
        run_at__lt=Now() - timedelta(seconds=settings.DISPATCH_UNDISPATCHED),
    )
    return dispatch.stamp([*due, *forgotten.values_list("id", flat=True)[:BATCH]], undispatched=True)


def reap() -> list[Job]:
    """Give up the attempts whose lease ran out. They are locked, so that no renewal can come in between.

    Counted after the commit, behind the push of their next messages.
    """
    silent = list(
        Job.objects.select_for_update(skip_locked=True).filter(state=State.RUNNING, lease_expires_at__lt=Now())[:BATCH]
    )
    neighbours = Counter(job.worker for job in silent)
    for job in silent:
        outcome = outcomes.lost(
            job, Reason.LOST, "the attempt's worker vanished", with_neighbours=neighbours[job.worker] > 1
        )
        if finish(job, outcome):
            transaction.on_commit(partial(count_attempt, job, outcome.event, outcome.reason))
        facts = {"attempt": job.attempt, "worker": job.worker, **outcome.facts}
        log.warning(f"job {outcome.event}", request_id=job.request_id, job_id=str(job.id), **facts)
    transaction.on_commit(partial(metrics.count_by_queue, metrics.REAPED, [job.queue for job in silent]))
    return silent


def missing_from_broker(queue: Queue) -> list[Job]:
    """Queued jobs whose message is gone: dispatched well before the oldest waiting message, and not in flight.

    The list is read before the hash, so that a message which a worker takes meanwhile is seen in the hash.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now = cursor.fetchone()[0]
    margin = timedelta(seconds=settings.DISPATCH_OVERDUE)
    queued = Job.objects.filter(queue=queue, state=State.QUEUED)
    if not queued.filter(dispatched_at__lt=now - margin).exists():
        return []
    waiting = broker.oldest_waiting(queue)
    flying = [entry.message for entry in broker.in_flight(queue)]
    stamps = (datetime.fromtimestamp(one.enqueued_at, UTC) for one in waiting if one.enqueued_at)
    oldest = min(stamps, default=now)
    present = {one.job_id for one in (*waiting, *flying) if one.job_id}
    return list(queued.filter(dispatched_at__lt=oldest - margin).exclude(id__in=present)[:BATCH])


def forget_dead_entries(queue: Queue) -> int:
    """Take the engine's entries out of the in-flight hash that no attempt stands behind; autoscaling counts them.

    An entry younger than a lease may not have been claimed yet. One whose job was given back less than a lease ago is
    about to be returned to the queue by the worker that drains.
    """
    old = {
        entry.tag: entry.message.job_id
        for entry in broker.in_flight(queue)
        if entry.message.job_id and entry.received_at < time.time() - settings.JOB_LEASE
    }
    leased = (State.RUNNING, State.QUEUED)
    held = Job.objects.filter(id__in=old.values(), state__in=leased, lease_expires_at__gt=Now())
    alive = set(held.values_list("id", flat=True))
    dead = [tag for tag, job_id in old.items() if job_id not in alive]
    if dead:
        broker.remove(queue, dead)
        log.info("entries of ended attempts taken out of the in-flight hash", queue=queue, entries=len(dead))
    return len(dead)
