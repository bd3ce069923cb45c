"""Every fault, on every pool where it can happen: what must hold all the same.

`make test` tries each fault once, `make faults` all. The jobs' bodies leave a row for each effect: those are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone

from config.queues import Queue
from jobs.models import Job, JobEvent
from jobs.states import EventKind
from tests.faults.audit import violations
from tests.faults.fault import WORK, Fault
from tests.faults.proxy import Proxy
from tests.faults.scene import Scene
from tests.integration.conftest import Stack
from tests.polling import wait_for


def cases() -> Iterator[Any]:
    for fault in Fault:
        for queue in fault.case.queues:
            marks = [pytest.mark.waits(fault.case.waits)] if fault.case.waits else []
            if queue != fault.case.queues[0]:
                marks.append(pytest.mark.further)
            yield pytest.param(fault, queue, id=f"{fault.name.lower()}-{queue.lane.pool}", marks=marks)


@pytest.mark.covers(23, 76, 97, 100, 129)
@pytest.mark.parametrize(("fault", "queue"), list(cases()))
def test_every_job_ends_and_its_effects_happen_as_often_as_promised(
    redis_proxy: Proxy, stack: Stack, fault: Fault, queue: Queue
) -> None:
    scene = Scene(stack, queue, redis_proxy, fault.case.variables)
    scene.set_up()
    # As many as can run, some behind them, and some that only the relay can send.
    scene.ask(queue.lane.concurrency, parts=8, seconds_each=0.5)
    scene.ask(4)
    scene.ask(2, delay=1.5)

    broken_at = timezone.now()
    fault.case.does(scene)
    for worker in scene.workers:
        scene.wait_until_ready(worker)

    scene.ask(2)
    stack.ended(Job.objects.all(), fault.case.within + WORK)
    assert violations(scene.jobs, may_be_dead=fault.case.dead) == []
    assert overspent(fault) == []
    assert late(fault, broken_at) == []
    wait_for(lambda: stack.messages(queue) == stack.in_flight(queue) == 0, 30, what="no message is left")


def late(fault: Fault, broken_at: datetime) -> list[str]:
    """A sentence for each attempt that began again too late."""
    if not fault.case.begins_again:
        return []
    again = JobEvent.objects.filter(kind=EventKind.STARTED, attempt__gt=1)
    assert again, "an attempt follows another"
    seconds = {str(one.job_id): (one.at - broken_at).total_seconds() for one in again}
    return [f"{job} began again after {took:.1f} s" for job, took in seconds.items() if took > fault.case.begins_again]


def overspent(fault: Fault) -> list[str]:
    """A sentence for each job that lost more attempts than the fault may cost."""
    case = fault.case
    allowed = {EventKind.LOST: case.losses, EventKind.FAILED: case.failures, EventKind.RELEASED: case.releases}
    found = []
    for job in Job.objects.all():
        kinds = list(JobEvent.objects.filter(job_id=job.id).values_list("kind", flat=True))
        found += [
            f"{job}: {kind} {kinds.count(kind)} times; {kinds}"
            for kind, most in allowed.items()
            if kinds.count(kind) > most
        ]
    return found
