"""What must be true of jobs and their effects when everything has calmed down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from uuid import UUID

from django.db.models import Count

from jobs.effects import Guarantee
from jobs.models import Job
from jobs.states import ENDED, Reason, State
from tests.testapp.models import Act


def violations(accepted: Collection[UUID], *, may_be_dead: Collection[Reason] = ()) -> list[str]:
    """A sentence for each promise that was broken to a job, or by one. `accepted` are those that must be known."""
    acts = counted_acts()
    jobs = Job.objects.in_bulk()
    found = [f"{job_id} was accepted and is not known" for job_id in set(accepted) - set(jobs)]
    for job in jobs.values():
        found += [f"{job} {fault}" for fault in faults_of(job, acts.get(job.id, Counter()), may_be_dead)]
    return found


def counted_acts() -> dict[UUID, Counter[str]]:
    """How often each part's effect happened, by job."""
    acts: dict[UUID, Counter[str]] = {}
    for job_id, name, times in Act.objects.values_list("job_id", "name").annotate(times=Count("id")):
        acts.setdefault(job_id, Counter())[name] = times
    return acts


def faults_of(job: Job, acts: Counter[str], may_be_dead: Collection[Reason]) -> Iterator[str]:
    """What is wrong with one job, as the ends of sentences."""
    if job.state not in ENDED:
        yield f"has not ended: it is {job.state} ({job.reason})"
    if "guarantee" not in job.payload:
        return
    guarantee = Guarantee(job.payload["guarantee"])
    in_doubt = guarantee is Guarantee.AT_MOST_ONCE and "EffectInDoubt" in job.error
    if job.state == State.CANCELLED or (
        job.state == State.DEAD and not in_doubt and Reason(job.reason) not in may_be_dead
    ):
        yield f"is {job.state} ({job.reason}): {job.error}"
    for name, times in acts.items():
        if times > most(guarantee, job.attempt):
            yield f"did {name} {times} times in {job.attempt} attempts, with {guarantee.value}"
    if job.state == State.SUCCEEDED and (missing := job.payload["parts"] - len(acts)):
        yield f"succeeded without {missing} of its effects"


def most(guarantee: Guarantee, attempts: int) -> int:
    """How often an effect may happen in so many attempts."""
    return attempts if guarantee is Guarantee.AT_LEAST_ONCE else 1
