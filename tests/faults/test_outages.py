"""Minutes without a server, with the engine's own timers."""

from __future__ import annotations

import time

import pytest
from django.db import connection

from config.queues import Queue
from jobs.models import Job
from jobs.states import State
from tests.faults.scene import REAL_TIMERS
from tests.integration.conftest import Stack
from tests.testapp.models import Run
from tests.testapp.tasks import Echo, Nap, echo, nap, nap_on


def bodies_begun(job: Job) -> int:
    return Run.objects.filter(job_id=job.id, ended=False).count()


@pytest.mark.covers(1, 129)
@pytest.mark.waits(40)
def test_redis_away_for_20_seconds_loses_nothing_and_work_goes_on_within_15(stack: Stack) -> None:
    outage(stack, seconds=20, within=15)


@pytest.mark.covers(1, 129)
@pytest.mark.waits(200)
def test_redis_away_for_3_minutes_loses_nothing_and_work_goes_on_within_30(stack: Stack) -> None:
    outage(stack, seconds=180, within=30)


def outage(stack: Stack, *, seconds: float, within: float) -> None:
    """Stop Redis with a job running, ask for another meanwhile, bring Redis back, and see both end."""
    stack.relay(**REAL_TIMERS)
    stack.worker(**REAL_TIMERS)
    before = nap.enqueue(Nap(seconds=5))
    stack.running(before)
    stack.redis.stop()
    try:
        began = time.monotonic()
        during = [echo.enqueue(Echo(text="ab")) for _ in range(3)]
        assert time.monotonic() - began < 5
        assert Job.objects.filter(dispatched_at=None).count() == len(during)
        time.sleep(seconds)
    finally:
        stack.redis.start()
    ended = stack.ended([before, *during], within)
    assert all(job.state == State.SUCCEEDED and job.attempt == 1 for job in ended.values())
    assert bodies_begun(before) == 1


@pytest.mark.waits(110)
def test_postgresql_away_for_a_minute_costs_no_attempt_on_any_queue(stack: Stack) -> None:
    stack.relay(**REAL_TIMERS)
    workers = {queue: stack.worker(queue, **REAL_TIMERS) for queue in Queue}
    # Some seconds of critical's 30: its attempts begin before the outage and finish after it.
    across = [
        nap_on[queue].enqueue(Nap(seconds=20, looks_up=False, leaves_end=False)) for queue in Queue for _ in range(2)
    ]
    for job in across:
        stack.running(job)
    queued = [nap_on[queue].enqueue(Nap(leaves_traces=False)) for queue in Queue for _ in range(250)]
    connection.close()
    stack.postgres.stop()
    try:
        time.sleep(60)
    finally:
        stack.postgres.start()
    ended = stack.ended([*across, *queued], 60).values()
    assert not [job.traceback for job in ended if job.state != State.SUCCEEDED]
    assert {(job.attempt, job.losses, job.failures) for job in ended} == {(1, 0, 0)}
    assert all(bodies_begun(job) == 1 for job in across)
    assert all(worker.running for worker in workers.values())
