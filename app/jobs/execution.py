"""One attempt: claim the row, run the service, write how it ended. Runs in a worker's child or thread."""

from __future__ import annotations

import time
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from . import outcomes, registry
from .counting import count_attempt
from .dispatch import publish
from .instance import instance, lane, thread_of_attempt
from .limits import RateLimit, take_slot
from .models import Job
from .outcomes import Outcome
from .patience import patiently, time_limited
from .policies import Gone, Retry
from .profiling import sampled
from .running import AttemptLost, Cancelled, RunningJob, TimeLimitReached, Waiting
from .services import cancel_children
from .states import ENDED, EventKind, Reason, State
from .transitions import SQL, UNHELD, move, now
from .workflows import wake_parents

log = structlog.get_logger(__name__)


def run(job_id: UUID) -> bool:
    """Run the job if this delivery is the one that gets it. Returns whether it was.

    The message may be acknowledged as soon as this returns: the row says how the attempt ended.
    """
    limits = lane()
    until = time.monotonic() + limits.hard_limit
    job = patiently(lambda: claim(job_id), until=until)
    if job is None:
        log.info("nothing to claim", job_id=str(job_id))
        return False
    with structlog.contextvars.bound_contextvars(
        job_id=str(job.id), job_type=job.type, attempt=job.attempt, request_id=job.request_id
    ):
        log.info("job started")
        began = time.monotonic()
        outcome = perform(job, limits.time_limit)
        took = time.monotonic() - began
        if patiently(lambda: finish(job, outcome), until=until):
            count_attempt(job, outcome.event, outcome.reason, took)
        seconds = round(time.monotonic() - began, 3)
        log.info(f"job {outcome.event}", seconds=seconds, **outcome.facts)
    return True


def claim(job_id: UUID) -> Job | None:
    """Take a queued job for this worker, or nothing: it runs already, has ended, or its time to start has passed."""
    taken = move(
        State.RUNNING,
        EventKind.STARTED,
        came_from=State.QUEUED,
        where={"id": job_id},
        guard="(expires_at IS NULL OR expires_at > now()) AND NOT cancel_requested",
        changes={
            "attempt": SQL("attempt + 1"),
            "worker": instance(),
            "pid": thread_of_attempt(),
            "started_at": SQL("coalesce(started_at, now())"),
            "lease_expires_at": now(settings.JOB_LEASE),
        },
        also=("payload", "checkpoint", "progress", "slot_at", "started_at"),
    )
    if taken:
        return taken[0]
    expire(State.QUEUED, {"id": job_id})
    drop_cancelled(State.QUEUED, [job_id])
    # A claim whose reply was lost with its connection: nobody else has this thread's name.
    own = {"worker": instance(), "pid": thread_of_attempt()}
    return Job.objects.filter(id=job_id, state=State.RUNNING, **own).first()


def expire(came_from: State, where: dict[str, Any]) -> list[Job]:
    """Cancel waiting jobs whose time to start has passed, with what they wait for."""
    late = move(
        State.CANCELLED,
        EventKind.CANCELLED,
        came_from=came_from,
        where=where,
        guard="expires_at <= now()",
        changes={"reason": Reason.EXPIRED, "finished_at": now()},
    )
    cancel_children([job.id for job in late])
    return late


def drop_cancelled(waiting: State, job_ids: list[UUID]) -> list[Job]:
    """Cancel those of the waiting jobs that were asked to stop while they ran, and did not come to it.

    They were lost, failed, or had asked for children, which are cancelled with them.
    """
    dropped = move(
        State.CANCELLED,
        EventKind.CANCELLED,
        came_from=waiting,
        where={"id": job_ids},
        guard="cancel_requested",
        changes={"reason": Reason.REQUESTED, "finished_at": now()},
    )
    cancel_children([job.id for job in dropped])
    return dropped


def perform(job: Job, time_limit: float) -> Outcome:
    """Check the payload, run the service within its time, and judge what came of it."""
    declared = registry.find(job.type)
    if declared is None:
        message = f"no job type is called {job.type!r} in this version"
        return outcomes.unreadable(times_unreadable(job), Reason.UNKNOWN_TYPE, message)
    try:
        payload = declared.payload.model_validate(job.payload)
    except ValidationError as error:
        message = f"the payload does not fit {job.type} ({error.error_count()} faults)"
        return outcomes.unreadable(times_unreadable(job), Reason.INVALID, message, error)
    if declared.limit and (waits := await_slot(job, declared.limit, payload)):
        return waits
    running = RunningJob(job, time_limit)
    try:
        with sampled(running), time_limited(time_limit):
            result = declared.service(running, payload)
        return outcomes.succeeded(result)
    except MemoryError:
        # Judged below, when the frames that hold the memory are gone.
        pass
    except BaseException as error:
        outcome = judge(job, declared.retry, error)
        if outcome is None:
            raise
        return outcome
    return outcomes.lost(job, Reason.MEMORY, "the attempt ran out of memory")


def times_unreadable(job: Job) -> int:
    """How often workers have given the job back because their version could not read it."""
    return job.events.filter(kind=EventKind.RELEASED, data__reason__in=outcomes.UNREADABLE).count()


def await_slot(job: Job, limit: RateLimit, payload: Any) -> Outcome | None:
    """Wait for the start that the rate limit gives, or say when the job shall come back."""
    if job.slot_at:
        seconds = (job.slot_at - timezone.now()).total_seconds()
    else:
        slot, seconds = take_slot(limit, payload)
        if seconds > outcomes.SLOT_LEAD:
            return outcomes.limited(slot, seconds)
    # Not longer, however far this machine's clock is from PostgreSQL's.
    time.sleep(min(max(seconds, 0), 2 * outcomes.SLOT_LEAD))
    return None


def judge(job: Job, policy: Retry, error: BaseException) -> Outcome | None:
    """What follows from what the service raised; None for what ends the process, such as SystemExit."""
    match error:
        case Gone():
            return outcomes.succeeded(None, Reason.GONE, str(error))
        case Waiting():
            return outcomes.waiting()
        case Cancelled():
            return outcomes.cancelled()
        case AttemptLost():
            # The row is no longer ours; finish() will find that out and write nothing.
            return outcomes.dead(Reason.LOST, "the attempt had been given up", error)
        case TimeLimitReached():
            return outcomes.failed(job, policy, error, Reason.TIMEOUT)
        case Exception():
            return outcomes.failed(job, policy, error, Reason.FAILED)
    return None


def finish(job: Job, outcome: Outcome) -> bool:
    """Write how the attempt ended, if the row is still this attempt's. Returns whether it was."""
    moved = move(
        outcome.state,
        outcome.event,
        came_from=State.RUNNING,
        where={"id": job.id, "attempt": job.attempt, "worker": job.worker},
        changes={**UNHELD, **outcome.changes},
        data=outcome.facts,
    )
    if not moved:
        log.warning("the attempt had been given up; what it did is not recorded", outcome=outcome.state)
    else:
        transaction.on_commit(partial(follow_up, moved[0]))
        if outcome.state == State.DEAD:
            transaction.on_commit(partial(outcomes.tell_of_death, moved[0], outcome))
    return bool(moved)


def follow_up(job: Job) -> None:
    """What the end of an attempt entails, once it is committed. The relay does what a crash here leaves undone."""
    if job.state == State.DEAD:
        cancel_children([job.id])
    if job.cancel_requested and job.state in (State.SCHEDULED, State.QUEUED):
        drop_cancelled(State(job.state), [job.id])
    elif job.state == State.QUEUED:
        publish([job.id])
    elif job.reason == Reason.WAITING:
        wake_parents([job.id])
    elif job.parent_id and job.state in ENDED:
        if job.state != State.SUCCEEDED:
            cancel_children([job.parent_id])
        wake_parents([job.parent_id])
