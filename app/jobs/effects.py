"""Effects outside the job's row, happening as often as promised however often the job is tried.

An effect is known by the job's id and a name. A retried dead letter has another id but repeats the same job, so it is
known by the first one's: a mail that went out before the job died does not go out again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar, cast
from uuid import UUID

from django.db import transaction

from .models import Effect, Job
from .patience import patiently
from .policies import Permanent
from .running import RunningJob

T = TypeVar("T")

# Seconds to try to record an effect that has happened.
PATIENCE = 60


class Guarantee(Enum):
    """How often an effect may happen, which only its author can choose."""

    #: Recorded before: after a crash in between nobody knows, and the job is dead with that doubt.
    AT_MOST_ONCE = "at most once"
    #: Recorded after: a crash in between repeats it. Give the key to the other side, which can then tell repeats.
    AT_LEAST_ONCE = "at least once"
    #: Recorded in the surrounding transaction, with the effect: for effects in this database.
    EXACTLY_ONCE = "exactly once"


class EffectInDoubt(Permanent):
    """An effect that must not happen twice was begun by an attempt that did not say whether it succeeded."""


def effect_once(job: RunningJob, name: str, action: Callable[[str], T], *, guarantee: Guarantee) -> T:
    """Call `action` with the effect's key unless it is known to have happened, and return what it returned then.

    What it returns must fit into JSON. The key is the same for every attempt. Raises EffectInDoubt, and RuntimeError
    for EXACTLY_ONCE outside of a transaction.
    """
    key = f"{_first_of_its_line(job.id)}:{name}"
    if guarantee is Guarantee.EXACTLY_ONCE:
        return _within_transaction(job.id, key, action)
    known = Effect.objects.filter(key=key).first()
    if known and known.happened:
        return cast(T, known.result)
    if guarantee is Guarantee.AT_MOST_ONCE:
        _, first = Effect.objects.get_or_create(key=key, defaults={"job_id": job.id})
        if not first:
            raise EffectInDoubt(f"the effect {name!r} was begun before and may have happened; find out and decide")
    result = action(key)
    happened = {"job_id": job.id, "happened": True, "result": result}
    patiently(lambda: Effect.objects.update_or_create(key=key, defaults=happened), until=time.monotonic() + PATIENCE)
    return result


def cached_step(job: RunningJob, name: str, inputs: Any, compute: Callable[[], T]) -> T:
    """What `compute` returns, computed once for these inputs however often the job is tried.

    For a step that costs more than looking up its result, which is kept with the job. Other inputs, which must fit into
    JSON, are another step: what was computed from something else is not used. Let the result be made of lists, dicts
    with text as keys, numbers and text: so it comes back from JSON as it was.
    """
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
    return effect_once(job, f"{name}:{digest}", lambda _: compute(), guarantee=Guarantee.AT_LEAST_ONCE)


def _within_transaction(job_id: UUID, key: str, action: Callable[[str], T]) -> T:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an effect is exactly once only in a transaction; open one around effect_once")
    effect, first = Effect.objects.get_or_create(key=key, defaults={"job_id": job_id, "happened": True})
    if not first:
        return cast(T, effect.result)
    effect.result = result = action(key)
    effect.save(update_fields=["result"])
    return result


def _first_of_its_line(job_id: UUID) -> UUID:
    """The dead letter that a retried one's line began with."""
    while origin := Job.objects.filter(id=job_id).values_list("retry_of_id", flat=True).first():
        job_id = origin
    return job_id
