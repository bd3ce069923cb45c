"""Jobs that ask others to do parts of their work: parent and child rows, which the API shows like any other.

A parent calls `gather` in its body. The first time that makes the children and ends the attempt: the parent waits as a
row and holds no worker. When the last child has ended the parent runs again from the top, and `gather` returns their
results. One call after another is a chain; many orders in one call are a fan-out, and its return is the fan-in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction

from . import orders
from .dispatch import publish
from .models import Job
from .policies import Permanent
from .running import RunningJob, Waiting
from .states import ACTIVE, Reason, State
from .transitions import move, now

# A parent goes on when no child is active any more, or one has failed.
CHILDREN_ENDED = """reason = 'waiting' AND (
    NOT EXISTS (SELECT FROM jobs_job child WHERE child.parent_id = jobs_job.id
        AND child.state IN ('scheduled', 'queued', 'running'))
    OR EXISTS (SELECT FROM jobs_job child WHERE child.parent_id = jobs_job.id AND child.state IN ('dead', 'cancelled'))
)"""


class ChildFailed(Permanent):
    """A child is dead or was cancelled, and so its parent is dead too."""


def gather(job: RunningJob, step: str, children: Callable[[], Iterable[orders.Order]]) -> list[Any]:
    """The results of the children of this step, in the order in which `children` names them.

    `children` is called once in the life of the job; `JobType.order` makes what it returns. Ends the attempt while
    children are active: what stands before the call runs again, so it must be cheap or an effect (`effect_once`).
    Raises ChildFailed when one has failed; the others have been cancelled then.
    """
    made = Job.objects.filter(parent_id=job.id, step=step)
    if not made.exists():
        wanted = list(children())
        if not wanted:
            return []
        placed = (replace(one, parent=job.id, step=step, position=position) for position, one in enumerate(wanted))
        orders.enqueue_many(placed)
        raise Waiting
    if failed := made.filter(state__in=(State.DEAD, State.CANCELLED)).order_by("position").first():
        raise ChildFailed(f"the child {failed.id} ({failed.type}) is {failed.state}: {failed.error or failed.reason}")
    if made.filter(state__in=ACTIVE).exists():
        raise Waiting
    return list(made.order_by("position").values_list("result", flat=True))


def wake_parents(parents: list[UUID]) -> list[Job]:
    """Queue those of the waiting jobs whose children have ended, and publish them after the commit.

    Called after a child's end is committed: of two children that end at once, the later one sees both.
    """
    woken = move(
        State.QUEUED,
        None,
        came_from=State.SCHEDULED,
        where={"id": parents},
        guard=CHILDREN_ENDED,
        changes={"reason": Reason.NONE, "run_at": now(), "dispatched_at": None},
    )
    if woken:
        transaction.on_commit(lambda: publish([job.id for job in woken]))
    return woken
