"""What breaks for real, and what must hold all the same. Bodies leave rows of their own: those are what is counted."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
from django.db import connection

from config.queues import RELEASE_MARGIN, Queue
from devstack.processes import Process
from jobs import relay as relay_module
from jobs.dispatch import push
from jobs.models import Job
from jobs.states import Reason, State
from tests.integration.conftest import Stack
from tests.polling import wait_for
from tests.testapp.models import Run
from tests.testapp.tasks import Echo, Nap, Trouble, echo, nap, nap_on, trouble

# The engine's own timers, where a promise is given in seconds.
REAL_TIMERS = {
    "JOB_LEASE": "30",
    "JOB_LEASE_RENEWAL": "10",
    "RELAY_INTERVAL": "1",
    "DISPATCH_OVERDUE": "30",
    "DISPATCH_UNDISPATCHED": "5",
}


def bodies_begun(job: Job) -> int:
    return Run.objects.filter(job_id=job.id, ended=False).count()


def bodies_ended(job: Job) -> int:
    return Run.objects.filter(job_id=job.id, ended=True).count()


def kill(worker: Process) -> None:
    """SIGKILL to the main process; its children go with it."""
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait(5)


@pytest.mark.waits(45)
@pytest.mark.timeout(120)
def test_a_job_whose_worker_is_killed_is_finished_by_another_within_40_seconds(stack: Stack) -> None:
    stack.relay(**REAL_TIMERS)
    doomed = stack.worker(**REAL_TIMERS)
    job = nap.enqueue(Nap(seconds=3))
    stack.running(job)
    # The relay may give nobody up before it has reached the database for one lease.
    time_of_contact = time.monotonic()
    kill(doomed)
    killed_at = time.monotonic()
    stack.worker(**REAL_TIMERS)
    ended = stack.ended([job], 45)[job.id]
    assert time.monotonic() - killed_at < 40, time_of_contact
    assert (ended.state, ended.attempt, ended.losses, ended.failures) == (State.SUCCEEDED, 2, 1, 0)
    assert (bodies_begun(job), bodies_ended(job)) == (2, 1)


def test_a_job_whose_child_is_killed_is_finished_within_10_seconds(stack: Stack) -> None:
    stack.worker(**REAL_TIMERS)
    job = nap.enqueue(Nap(seconds=1))
    pid = stack.running(job).pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    ended = stack.ended([job], 10)[job.id]
    assert (ended.state, ended.attempt, ended.losses) == (State.SUCCEEDED, 2, 1)
    assert bodies_ended(job) == 1


def test_a_job_that_kills_its_worker_is_dead_after_three_losses_and_the_worker_lives(stack: Stack) -> None:
    worker = stack.worker()
    job = trouble.enqueue(Trouble(signals=signal.SIGKILL))
    other = echo.enqueue(Echo(text="ab"))
    ended = stack.ended([job, other], 40)
    assert (ended[job.id].state, ended[job.id].reason, ended[job.id].losses) == (State.DEAD, Reason.LOST, 3)
    assert ended[other.id].state == State.SUCCEEDED
    assert bodies_begun(job) == 3
    assert worker.running


@pytest.mark.covers(99, 100)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["to the same worker", "to another worker"])
def test_a_message_delivered_again_runs_nothing_and_the_first_keeps_its_lease(stack: Stack, elsewhere: bool) -> None:
    stack.relay()
    first = stack.worker()
    job = nap.enqueue(Nap(seconds=6))
    running = stack.running(job)
    if elsewhere:
        stack.worker()
        first.pause()
        redeliver(stack, running)
        wait_for(lambda: stack.messages() == 0, 5, what="the other worker took the copy")
        first.resume()
    else:
        redeliver(stack, running)
    ended = stack.ended([job], 15)[job.id]
    assert (ended.state, ended.attempt, ended.losses) == (State.SUCCEEDED, 1, 0)
    redeliver(stack, running)
    wait_for(lambda: stack.messages() == 0 and stack.in_flight() == 0, 10, what="the late copy was acknowledged")
    assert (bodies_begun(job), bodies_ended(job)) == (1, 1)
    assert Job.objects.get(id=job.id).attempt == 1


def redeliver(stack: Stack, job: Job) -> None:
    """Push the same message once more, as the broker does when a visibility timeout passes."""
    push([job])


@pytest.mark.parametrize("queue", list(Queue))
def test_a_worker_told_to_stop_finishes_what_it_runs(stack: Stack, queue: Queue) -> None:
    worker = stack.worker(queue)
    job = nap_on[queue].enqueue(Nap(seconds=3))
    stack.running(job)
    waiting = [nap_on[queue].enqueue(Nap()) for _ in range(queue.lane.concurrency + 2)]
    worker.send(signal.SIGTERM)
    assert worker.wait(15)
    assert worker.exit_code == 0
    assert Job.objects.get(id=job.id).state == State.SUCCEEDED
    stack.worker(queue)
    ended = stack.ended(waiting, 15).values()
    assert all(one.state == State.SUCCEEDED and bodies_begun(one) == 1 for one in ended)


@pytest.mark.covers(76)
def test_a_drain_past_its_deadline_puts_running_jobs_back_in_the_queue_within_2_seconds(stack: Stack) -> None:
    worker = stack.worker(WORKER_GRACE_PERIOD=str(RELEASE_MARGIN + 3))
    job = nap.enqueue(Nap(seconds=60, looks_up=False))
    stack.running(job)
    worker.send(signal.SIGTERM)
    wait_for(lambda: Job.objects.filter(id=job.id, state=State.QUEUED).exists(), 5, what="released")
    wait_for(lambda: stack.messages() == 1, 2, what="the message is back in the list")
    released = Job.objects.get(id=job.id)
    assert (released.losses, released.failures, released.reason) == (0, 0, Reason.RELEASED)
    assert worker.wait(RELEASE_MARGIN)


@pytest.mark.covers(1, 129)
@pytest.mark.waits(40)
@pytest.mark.timeout(180)
def test_redis_away_for_20_seconds_loses_nothing_and_work_goes_on_within_15(stack: Stack) -> None:
    outage(stack, seconds=20, within=15)


@pytest.mark.covers(1, 129)
@pytest.mark.waits(200)
@pytest.mark.timeout(400)
def test_redis_away_for_3_minutes_loses_nothing_and_work_goes_on_within_60(stack: Stack) -> None:
    outage(stack, seconds=180, within=60)


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
        assert time.monotonic() - began < 1
        assert all(job.dispatched_at is None for job in during)
        time.sleep(seconds)
    finally:
        stack.redis.start()
    ended = stack.ended([before, *during], within)
    assert all(job.state == State.SUCCEEDED and job.attempt == 1 for job in ended.values())
    assert bodies_begun(before) == 1


@pytest.mark.waits(110)
@pytest.mark.timeout(300)
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


def test_a_worker_frozen_past_its_lease_cannot_touch_the_next_attempt(stack: Stack) -> None:
    stack.relay()
    frozen = stack.worker()
    job = nap.enqueue(Nap(seconds=5))
    stack.running(job)
    freeze(stack, frozen, signal.SIGSTOP)
    stack.worker()
    wait_for(lambda: bodies_begun(job) == 2, 20, what="another worker began the job")
    freeze(stack, frozen, signal.SIGCONT)
    ended = stack.ended([job], 20)[job.id]
    assert (ended.state, ended.attempt, ended.losses) == (State.SUCCEEDED, 2, 1)
    wait_for(lambda: "had been given up" in frozen.log.read_text(), 15, what="the thawed attempt noticed")


def freeze(stack: Stack, worker: Process, number: signal.Signals) -> None:
    for pid in [worker.pid, *stack.children(worker)]:
        os.kill(pid, number)


def test_a_message_that_a_dying_worker_took_and_never_recorded_is_dispatched_again(stack: Stack) -> None:
    """The hole between BRPOP and kombu's record of it: the message is in nobody's hands."""
    idle = stack.worker()
    freeze(stack, idle, signal.SIGSTOP)
    job = echo.enqueue(Echo(text="ab"))
    wait_for(lambda: stack.messages() == 0, 5, what="Redis gave the message to the frozen worker")
    assert stack.in_flight() == 0
    kill(idle)
    stack.relay()
    stack.worker()
    ended = stack.ended([job], 20)[job.id]
    assert (ended.state, ended.attempt, ended.dispatch) == (State.SUCCEEDED, 1, 2)


def test_an_entry_left_in_flight_by_a_worker_killed_after_its_finish_is_taken_out(stack: Stack) -> None:
    worker = stack.worker()
    job = nap.enqueue(Nap(seconds=1))
    stack.running(job)
    os.kill(worker.pid, signal.SIGSTOP)
    stack.ended([job], 10)
    kill(worker)
    assert stack.in_flight() == 1
    stack.relay()
    wait_for(lambda: stack.in_flight() == 0, 15, what="the entry is gone")


def test_jobs_whose_process_died_between_commit_and_push_are_dispatched_by_the_relay(stack: Stack) -> None:
    job = echo.enqueue(Echo(text="ab"))
    with stack.redis.client() as client:
        client.flushall()
    Job.objects.filter(id=job.id).update(dispatched_at=None)
    stack.worker()
    stack.relay()
    assert stack.ended([job], 10)[job.id].state == State.SUCCEEDED


@pytest.mark.timeout(200)
def test_a_hundred_thousand_waiting_jobs_stay_as_many_messages_after_ten_sweeps(stack: Stack) -> None:
    count = 100_000
    backlog(stack, count)
    relay = relay_module.Relay()
    for _ in range(10):
        relay.round()
        assert relay_module.missing_from_broker(Queue.DEFAULT) == []
    assert stack.messages() == count


def backlog(stack: Stack, count: int) -> None:
    """Rows and messages as enqueue makes them, in bulk, and as if they had waited for hours."""
    template = echo.enqueue(Echo(text="ab"))
    with stack.redis.client() as client:
        [pattern] = client.lrange("default", 0, -1)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO jobs_job (id, type, queue, payload, dispatch, dispatched_at)
            SELECT gen_random_uuid(), type, queue, payload, 1, clock_timestamp() - interval '3 hours'
            FROM jobs_job, generate_series(1, %s) RETURNING id, extract(epoch FROM dispatched_at)::float8
            """,
            [count],
        )
        rows = cursor.fetchall()
    Job.objects.filter(id=template.id).delete()
    stamp_then = json.loads(pattern)["headers"]["enqueued_at"]
    with stack.redis.client() as client:
        client.delete("default")
        for start in range(0, len(rows), 1000):
            texts = [
                pattern.replace(str(template.id), str(row_id)).replace(str(stamp_then), repr(at))
                for row_id, at in rows[start : start + 1000]
            ]
            client.lpush("default", *texts)
