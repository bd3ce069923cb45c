"""The states of a job and the one table of transitions between them."""

from __future__ import annotations

from django.db.models import TextChoices


class State(TextChoices):
    """Where a job stands."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    CANCELLED = "cancelled"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.SCHEDULED: frozenset({State.QUEUED, State.CANCELLED}),
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED}),
    # Back to queued: released or lost. Back to scheduled: failed with attempts left, or lost with neighbours.
    State.RUNNING: frozenset({State.SUCCEEDED, State.DEAD, State.CANCELLED, State.SCHEDULED, State.QUEUED}),
    State.SUCCEEDED: frozenset(),
    # Discarded: nobody needs the dead letter any more.
    State.DEAD: frozenset({State.CANCELLED}),
    State.CANCELLED: frozenset(),
}

ACTIVE = (State.SCHEDULED, State.QUEUED, State.RUNNING)
ENDED = (State.SUCCEEDED, State.DEAD, State.CANCELLED)


class Reason(TextChoices):
    """Why a job is where it is, where the state alone does not say."""

    NONE = ""
    GONE = "gone", "what the job was about no longer exists"
    INVALID = "invalid", "the payload does not fit the job type's schema"
    UNKNOWN_TYPE = "unknown_type", "no job type has this name"
    FAILED = "failed", "the attempt raised"
    TIMEOUT = "timeout", "the service ran past its queue's time limit"
    LOST = "lost", "the attempt's worker vanished"
    MEMORY = "memory", "the attempt ran out of memory"
    RELEASED = "released", "a stopping worker gave the job back"
    WAITING = "waiting", "the job's children have not ended"
    LIMITED = "limited", "its rate limit was reached; it has a slot"
    EXPIRED = "expired", "the job was not started in time"
    REQUESTED = "requested", "somebody asked for it"
    DISCARDED = "discarded", "staff discarded the dead letter"


class EventKind(TextChoices):
    """The facts of a job's history."""

    CREATED = "created"
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"
    RELEASED = "released"
    WAITING = "waiting"
    LIMITED = "limited"
    REDISPATCHED = "redispatched"
    DEAD = "dead"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELLED = "cancelled"
    RETRIED = "retried"
    DISCARDED = "discarded"
