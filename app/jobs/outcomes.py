"""How an attempt can end, as the state to move to and what to write beside it. Decides; changes nothing."""

from __future__ import annotations

import hashlib
import json
import traceback
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from pydantic import BaseModel

from config import tracker
from config.redaction import redact
from config.storable import unstorable

from .models import Job
from .policies import Permanent, Retry, Transient, loss_delay
from .running import Interrupted
from .states import EventKind, Reason, State
from .transitions import now

# A result beyond this many bytes belongs in a file.
RESULT_MAX_BYTES = 100_000
# A limited job goes out so many seconds before its slot and waits for it in the worker: the relay's rounds are coarse.
SLOT_LEAD = 1
# Why a worker's version cannot read a job. Another version may: seconds until it is offered again, each time it was
# given back; ten minutes in all, which is longer than a rollout.
UNREADABLE = (Reason.UNKNOWN_TYPE, Reason.INVALID)
OFFERED_AGAIN = (5, 10, 20, 40, *(60,) * 9)
ERROR_MAX_CHARACTERS = 2_000
TRACEBACK_MAX_CHARACTERS = 20_000


@dataclass(frozen=True)
class Outcome:
    """Where the job goes from running, by which event, with which changes of the row."""

    state: State
    event: EventKind
    changes: dict[str, Any] = field(default_factory=dict)
    # Of what killed the job, for Sentry.
    picture: dict[str, Any] | None = None

    @property
    def reason(self) -> str:
        """Why, where the event alone does not say."""
        return str(self.changes.get("reason", Reason.NONE))

    @property
    def facts(self) -> dict[str, Any]:
        """What the event says."""
        return {key: self.changes[key] for key in ("reason", "error") if self.changes.get(key)}


def succeeded(result: Any, reason: Reason = Reason.NONE, remark: str = "") -> Outcome:
    """The service returned a model, something that JSON can hold, or nothing.

    Raises TypeError or ValueError for a result that cannot be stored.
    """
    plain = result.model_dump(mode="json") if isinstance(result, BaseModel) else result
    text = json.dumps(plain)
    if len(text) > RESULT_MAX_BYTES:
        raise ValueError(f"the result has {len(text)} bytes; it must have at most {RESULT_MAX_BYTES}: save a file")
    if fault := unstorable(plain):
        raise ValueError(f"the result {fault}")
    changes = {"result": plain, "reason": reason, "error": remark, "finished_at": now()}
    return Outcome(State.SUCCEEDED, EventKind.SUCCEEDED, changes)


def cancelled() -> Outcome:
    """The service stopped because somebody had asked for it."""
    return Outcome(State.CANCELLED, EventKind.CANCELLED, {"reason": Reason.REQUESTED, "finished_at": now()})


def waiting() -> Outcome:
    """The service has asked for children and goes on when they have ended."""
    return Outcome(State.SCHEDULED, EventKind.WAITING, {"reason": Reason.WAITING, "dispatched_at": None})


def limited(slot: datetime, seconds: float) -> Outcome:
    """The rate limit has given the job a later start."""
    changes = {"reason": Reason.LIMITED, "slot_at": slot, "run_at": now(seconds - SLOT_LEAD), "dispatched_at": None}
    return Outcome(State.SCHEDULED, EventKind.LIMITED, changes)


def dead(reason: Reason, message: str, error: BaseException | None = None) -> Outcome:
    """No attempt can mend it, or none is left."""
    changes = {
        "reason": reason,
        "error": message,
        "traceback": trace_of(error),
        "fingerprint": fingerprint_of(reason, error),
        "finished_at": now(),
    }
    return Outcome(State.DEAD, EventKind.DEAD, changes, tracker.picture(error))


def unreadable(times: int, reason: Reason, message: str, error: BaseException | None = None) -> Outcome:
    """This worker's version cannot read the job, which was given back so often for that: offered again, then dead."""
    if times >= len(OFFERED_AGAIN):
        return dead(reason, message, error)
    changes = {"reason": reason, "error": message, "run_at": now(OFFERED_AGAIN[times]), "dispatched_at": None}
    return Outcome(State.SCHEDULED, EventKind.RELEASED, changes)


def failed(job: Job, policy: Retry, error: BaseException, reason: Reason) -> Outcome:
    """The service raised: tried again later if the policy says so, else dead."""
    failures = job.failures + 1
    delay = policy.delay(error, failures)
    if delay is None:
        final = dead(reason, text_of(error), error)
        return replace(final, changes={**final.changes, "failures": failures})
    changes = {
        "reason": reason,
        "error": text_of(error),
        "traceback": trace_of(error),
        "failures": failures,
        "run_at": now(delay),
        "dispatched_at": None,
    }
    return Outcome(State.SCHEDULED, EventKind.FAILED, changes)


def lost(job: Job, reason: Reason, message: str, *, with_neighbours: bool = False) -> Outcome:
    """The attempt's process vanished or ran out of memory: tried again, JOB_LOSSES_MAX times in all."""
    losses = job.losses + 1
    if losses >= settings.JOB_LOSSES_MAX:
        final = dead(reason, f"{message}, {losses} times")
        return replace(final, changes={**final.changes, "losses": losses})
    delay = loss_delay(losses, with_neighbours)
    changes = {"reason": reason, "error": message, "losses": losses, "run_at": now(delay), "dispatched_at": None}
    return Outcome(State.SCHEDULED if delay else State.QUEUED, EventKind.LOST, changes)


def tell_of_death(job: Job, outcome: Outcome) -> None:
    """Tell Sentry of a job that died, under the fingerprint that its dead letter has. Without its payload."""
    facts = {"job_id": str(job.id), "job_type": job.type, "queue": job.queue, "attempt": str(job.attempt)}
    tracker.tell(
        outcome.picture,
        message=f"{job.type} died: {outcome.changes['error']}",
        transaction=job.type,
        fingerprint=[job.type, outcome.changes["fingerprint"]],
        tags={**facts, "reason": outcome.changes["reason"], "request_id": job.request_id},
    )


def text_of(error: BaseException) -> str:
    """The error as its job's owner may see it: in full where the author wrote it for people, else its kind alone."""
    if isinstance(error, Interrupted):
        return "the service ran past its queue's time limit"
    name = type(error).__name__
    text = f"{name}: {error}" if isinstance(error, (Transient, Permanent)) else f"unexpected {name}"
    return clean(text)[:ERROR_MAX_CHARACTERS]


def trace_of(error: BaseException | None) -> str:
    """The traceback without secrets; its end, which says most, if it is long."""
    return clean("".join(traceback.format_exception(error)))[-TRACEBACK_MAX_CHARACTERS:] if error else ""


def fingerprint_of(reason: Reason, error: BaseException | None) -> str:
    """The same for deaths of one kind: by the reason, the exception's class and the innermost function of ours."""
    frames = traceback.extract_tb(error.__traceback__) if error else []
    ours = [frame for frame in frames if "site-packages" not in frame.filename]
    place = f"{Path(ours[-1].filename).name}:{ours[-1].name}" if ours else ""
    return hashlib.sha256(f"{reason}|{type(error).__name__}|{place}".encode()).hexdigest()[:16]


def clean(text: str) -> str:
    """The text without secrets and without NUL, which PostgreSQL cannot hold."""
    return str(redact(text)).replace("\x00", "�")
