"""What anybody may ask of jobs that exist: cancel, retry, discard. Knows neither Celery nor HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from .models import Job
from .orders import InvalidPayload, JobAlreadyActive, Order, UnknownJobType, enqueue, parse_payload
from .states import ACTIVE, EventKind, Reason, State
from .transitions import move, note, now

if TYPE_CHECKING:
    from accounts.models import User


class WrongState(Exception):
    """The job is not in a state in which this can be done."""


def cancel(job_id: UUID, actor: User | None = None) -> Job:
    """Cancel a job: at once while it waits; a running one at its next progress call. Asking again changes nothing.

    Raises WrongState for a job that succeeded or is dead.
    """
    by = actor.pk if actor else None
    cancel_children([job_id], by)
    for state in (State.SCHEDULED, State.QUEUED):
        if moved := move(
            State.CANCELLED,
            EventKind.CANCELLED,
            came_from=state,
            where={"id": job_id},
            changes={"reason": Reason.REQUESTED, "finished_at": now()},
            actor=by,
        ):
            return moved[0]
    with transaction.atomic():
        # The row's lock keeps its events in the order of their ids.
        if Job.objects.filter(id=job_id, state=State.RUNNING, cancel_requested=False).update(cancel_requested=True):
            note([job_id], EventKind.CANCEL_REQUESTED, by)
    job = Job.objects.get(id=job_id)
    if job.state in (State.SUCCEEDED, State.DEAD):
        raise WrongState(f"the job is {job.state}; only a job that has not ended can be cancelled")
    return job if job.state in (State.RUNNING, State.CANCELLED) else cancel(job_id, actor)


def cancel_children(parents: list[UUID], by: int | None = None) -> None:
    """Cancel what the jobs have asked others to do, and what these asked for."""
    if not parents:
        return
    active = list(Job.objects.filter(parent_id__in=parents, state__in=ACTIVE).values_list("id", flat=True))
    if not active:
        return
    cancel_children(active, by)
    for state in (State.SCHEDULED, State.QUEUED):
        move(
            State.CANCELLED,
            EventKind.CANCELLED,
            came_from=state,
            where={"id": active},
            changes={"reason": Reason.REQUESTED, "finished_at": now()},
            actor=by,
        )
    Job.objects.filter(id__in=active, state=State.RUNNING).update(cancel_requested=True)


def retry(job_id: UUID, actor: User | None = None) -> Job:
    """Repeat a dead letter as a new job that names it. Asking again returns the same new job.

    Raises WrongState unless the job is dead, InvalidPayload and UnknownJobType when it can no longer run.
    """
    with transaction.atomic():
        # Locked, so that of several at once one makes the new job and the others find it.
        dead = Job.objects.select_for_update(of=["self"]).select_related("owner").get(id=job_id)
        if dead.state != State.DEAD:
            raise WrongState(f"the job is {dead.state}; only a dead one can be retried")
        if already := Job.objects.filter(retry_of=dead.id).first():
            return already
        repeat = enqueue(
            Order(
                type=dead.type,
                payload=parse_payload(dead.type, dead.payload),
                owner=dead.owner,
                label=dead.label,
                unique=dead.unique_key,
                retry_of=dead.id,
            )
        )
        note([dead.id], EventKind.RETRIED, actor.pk if actor else None)
    return repeat


def discard(job_id: UUID, actor: User | None = None) -> Job:
    """Take a dead letter off the list: nobody needs it any more. Raises WrongState unless the job is dead."""
    moved = move(
        State.CANCELLED,
        EventKind.DISCARDED,
        came_from=State.DEAD,
        where={"id": job_id},
        changes={"reason": Reason.DISCARDED},
        actor=actor.pk if actor else None,
    )
    if not moved:
        raise WrongState(f"the job is {Job.objects.get(id=job_id).state}; only a dead one can be discarded")
    return moved[0]


def for_each(
    action: Callable[[UUID, User | None], Job], job_ids: Iterable[UUID], actor: User | None
) -> tuple[list[Job], list[str]]:
    """Do `action` to each job. Returns the jobs that it made or changed, and a sentence for each it refused."""
    done, refused = [], []
    for job_id in job_ids:
        try:
            done.append(action(job_id, actor))
        except (WrongState, JobAlreadyActive, InvalidPayload, UnknownJobType) as error:
            refused.append(f"{job_id}: {error}")
    return done, refused
