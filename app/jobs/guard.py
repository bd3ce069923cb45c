"""The thread in each worker's main process that does what must not wait for the event loop.

It renews the leases of the attempts that the process holds, writes down attempts whose child vanished or was killed,
and gives running jobs back before a draining worker is killed. It goes on while Redis is away and while the worker
drains. The database being away stops none of it for good: what could not be written is tried again at the next turn.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any
from uuid import UUID

import structlog
from celery.worker import state as celery_state
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from config.celery import JOB_TASK
from config.queues import RELEASE_MARGIN, Lane

from . import outcomes, registry
from .counting import count_attempt
from .dispatch import republish
from .execution import drop_cancelled, finish
from .models import Job
from .running import TimeLimitReached
from .states import EventKind, Reason, State
from .transitions import UNHELD, move, now

log = structlog.get_logger(__name__)

# Seconds between turns, and so the longest that a report waits.
TURN = 0.2
# Seconds that a release may wait for the database before the worker stops anyway.
RELEASE_PATIENCE = 5


@dataclass(frozen=True)
class Ended:
    """A message whose process ended before its task did, or had no memory left to write how it ended."""

    message_id: str
    pid: int | None
    reason: Reason

    @property
    def job_id(self) -> UUID:
        return UUID(self.message_id.partition(".")[0])

    @property
    def dispatch(self) -> int:
        return int(self.message_id.partition(".")[2] or 0)


class Guard(threading.Thread):
    """One per worker process, from its first readiness to its end."""

    def __init__(self, instance: str, lane: Lane, consumer: Any) -> None:
        super().__init__(name="guard", daemon=True)
        self.instance = instance
        self.lane = lane
        self.consumer = consumer
        self._reports: SimpleQueue[Ended] = SimpleQueue()
        self._unwritten: list[Ended] = []
        self._renew_at = 0.0
        self._draining_since: float | None = None
        self._stopping = False
        self._refuses_work = False
        # Held while it speaks to PostgreSQL or Redis. A child that is forked in the middle of that inherits locks of
        # their C libraries as they are, held by a thread that it does not have, and waits for them in its own first
        # connection for ever.
        self._speaking = threading.Lock()
        os.register_at_fork(
            before=self._speaking.acquire,
            after_in_parent=self._speaking.release,
            after_in_child=self._speaking.release,
        )
        # It takes no more work, and what it had is over or past its hard limit: only a restart mends that.
        self.stuck = False

    def report(self, ended: Ended) -> None:
        """Called by the event loop, which must not wait for the database."""
        self._reports.put(ended)

    def drain(self) -> None:
        """The worker was told to stop."""
        self._draining_since = self._draining_since or time.monotonic()

    def run(self) -> None:
        while True:
            self._collect()
            try:
                with self._speaking:
                    self._turn()
            except (OperationalError, InterfaceError) as error:
                log.warning("database unreachable, leases are not renewed", error=str(error).strip())
                connection.close()
                time.sleep(1)
            except Exception:
                # The leases of every running attempt hang on this thread: it must outlive what nobody foresaw.
                log.exception("the guard met an unforeseen error")
                time.sleep(1)

    def _collect(self) -> None:
        """Wait for reports, at most one turn."""
        try:
            self._unwritten.append(self._reports.get(timeout=TURN))
            while True:
                self._unwritten.append(self._reports.get_nowait())
        except Empty:
            pass

    def _turn(self) -> None:
        now = time.monotonic()
        if self._draining_since is not None and not self._stopping and self.lane.pool == "prefork":
            self._release_in_time(now - self._draining_since)
        if now >= self._renew_at:
            self._renew()
            self._renew_at = now + settings.JOB_LEASE_RENEWAL
        while self._unwritten and not self._stopping:
            settle(self._unwritten[0], self.instance)
            self._unwritten.pop(0)

    def _renew(self) -> None:
        """Extend the leases of what the main process holds, but not past the hard limit."""
        held = [request for request in _active_requests() if request.time_start]
        fresh = [request for request in held if time.time() - request.time_start < self.lane.hard_limit]
        if len(fresh) < len(held) and self.lane.pool == "threads":
            log.error("an attempt is past its hard limit and threads cannot be killed: this worker takes no more work")
            self._refuses_work = True
            self.consumer.call_soon(self.consumer.task_consumer.cancel)
        self.stuck = self._refuses_work and not fresh
        ids = [UUID(request.id.partition(".")[0]) for request in fresh]
        if ids:
            renew(self.instance, ids)

    def _release_in_time(self, drained_for: float) -> None:
        """Give the running jobs back and end the worker, RELEASE_MARGIN seconds before it would be killed."""
        deadline = self.lane.grace_period - RELEASE_MARGIN
        if drained_for < deadline:
            return
        try:
            released = release(self.instance)
            log.warning("the worker gave its running jobs back", jobs=[str(job.id) for job in released])
        except (OperationalError, InterfaceError):
            if drained_for < deadline + RELEASE_PATIENCE:
                raise
            log.exception("running jobs could not be given back; their leases will run out")
        self._stopping = True
        os.kill(os.getpid(), signal.SIGQUIT)


def renew(instance: str, job_ids: list[UUID]) -> None:
    """Extend the leases of this worker's running attempts among these jobs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_job SET lease_expires_at = now() + make_interval(secs => %s)"
            " WHERE id = ANY(%s) AND state = %s AND worker = %s",
            [settings.JOB_LEASE, job_ids, State.RUNNING, instance],
        )


def release(instance: str) -> list[Job]:
    """Give this worker's running jobs back: neither failure nor loss. Celery returns their messages to the queue.

    Their leases run on as long, so that the relay leaves the messages in flight to Celery.
    """
    released = move(
        State.QUEUED,
        EventKind.RELEASED,
        came_from=State.RUNNING,
        where={"worker": instance},
        changes={**UNHELD, "lease_expires_at": now(settings.JOB_LEASE), "reason": Reason.RELEASED},
        also=("started_at",),
    )
    for job in released:
        count_attempt(job, EventKind.RELEASED)
    drop_cancelled(State.QUEUED, [job.id for job in released])
    return released


def settle(ended: Ended, instance: str) -> None:
    """Write down an attempt whose process is gone, or send the job again if it had not been claimed yet."""
    job = Job.objects.filter(id=ended.job_id, state=State.RUNNING, worker=instance, pid=ended.pid).first()
    if job is None:
        republish(list(Job.objects.filter(id=ended.job_id, state=State.QUEUED, dispatch=ended.dispatch)))
        return
    declared = registry.find(job.type)
    if ended.reason == Reason.TIMEOUT and declared:
        outcome = outcomes.failed(job, declared.retry, TimeLimitReached(), Reason.TIMEOUT)
    elif ended.reason == Reason.MEMORY:
        outcome = outcomes.lost(job, Reason.MEMORY, "the attempt ran out of memory")
    else:
        outcome = outcomes.lost(job, Reason.LOST, "the attempt's process vanished")
    if finish(job, outcome):
        count_attempt(job, outcome.event, outcome.reason)
    facts = {"attempt": job.attempt, **outcome.facts}
    log.warning(f"job {outcome.event}", request_id=job.request_id, job_id=str(job.id), **facts)


def _active_requests() -> list[Any]:
    """The engine's deliveries that run at this moment. The event loop changes the set meanwhile."""
    while True:
        try:
            return [request for request in list(celery_state.active_requests) if request.name == JOB_TASK]
        except RuntimeError:
            continue
