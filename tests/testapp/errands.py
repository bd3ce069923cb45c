"""A job in parts, each with an effect that may happen so often and no more: what faults are tried on."""

from __future__ import annotations

import time

from django.db import InterfaceError, OperationalError, transaction
from pydantic import BaseModel

from config.queues import Queue
from jobs.effects import Guarantee, effect_once
from jobs.policies import Retry, Transient
from jobs.registry import job
from jobs.running import RunningJob

from .models import Act


class Errand(BaseModel, extra="forbid"):
    """How many parts; seconds each, half of them in its effect; how often each effect may happen; whether the first
    attempt fails at once; megabytes to fill with something."""

    parts: int = 1
    seconds_each: float = 0.0
    guarantee: Guarantee = Guarantee.EXACTLY_ONCE
    fails_first: bool = False
    megabytes: int = 0


def run_errand(job: RunningJob, payload: Errand) -> None:
    """Part by part, going on at the last checkpoint. Leaves a row for each time that an effect really happened."""
    if payload.fails_first and job.attempt == 1:
        raise Transient("not yet", retry_after=0.1)
    ballast = b"x" * (payload.megabytes * 1_000_000)
    for part in range(job.checkpoint or 0, payload.parts):
        time.sleep(payload.seconds_each / 2)
        act_once(job, f"part {part}", payload.guarantee, seconds=payload.seconds_each / 2)
        job.save_checkpoint(part + 1)
    del ballast


def act_once(job: RunningJob, name: str, guarantee: Guarantee, *, seconds: float) -> None:
    """Long enough to be interrupted after it happened and before that is known."""

    def act(key: str) -> str:
        Act.objects.create(job_id=job.id, name=name)
        time.sleep(seconds)
        return key

    if guarantee is Guarantee.EXACTLY_ONCE:
        with transaction.atomic():
            effect_once(job, name, act, guarantee=guarantee)
    else:
        effect_once(job, name, act, guarantee=guarantee)


# A body that uses the database fails when it is away, and says so in its policy.
POLICY = Retry(attempts=20, on=[OperationalError, InterfaceError], first=0.5, longest=3)

# One per queue: what a fault does depends on the pool.
errand_on = {
    queue: job(queue=queue, payload=Errand, name=f"testapp.errand_{queue}", retry=POLICY)(run_errand) for queue in Queue
}
