"""Attempts that end badly, messages that come twice, and rows that never got a message."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
from django.db import connection, transaction

from config.queues import Queue
from jobs import relay as relay_module
from jobs.dispatch import push
from jobs.models import Job
from jobs.states import Reason, State
from tests.integration.conftest import Stack
from tests.polling import wait_for
from tests.testapp.models import Run
from tests.testapp.tasks import Echo, Nap, Trouble, echo, nap, trouble


def bodies_begun(job: Job) -> int:
    return Run.objects.filter(job_id=job.id, ended=False).count()


def bodies_ended(job: Job) -> int:
    return Run.objects.filter(job_id=job.id, ended=True).count()


def test_a_job_that_kills_its_worker_is_dead_after_three_losses_and_the_worker_lives(stack: Stack) -> None:
    stack.relay()
    worker = stack.worker()
    job = trouble.enqueue(Trouble(signals=signal.SIGKILL))
    other = echo.enqueue(Echo(text="ab"))
    ended = stack.ended([job, other], 40)
    assert (ended[job.id].state, ended[job.id].reason, ended[job.id].losses) == (State.DEAD, Reason.LOST, 3)
    assert ended[other.id].state == State.SUCCEEDED
    assert bodies_begun(job) == 3
    assert worker.running


def test_a_body_that_ends_its_process_is_a_loss_at_once(stack: Stack) -> None:
    stack.relay()
    worker = stack.worker()
    job = trouble.enqueue(Trouble(raises="system exit", until_attempt=2))
    ended = stack.ended([job], 30)[job.id]
    assert (ended.state, ended.attempt, ended.losses) == (State.SUCCEEDED, 2, 1)
    assert worker.running


def test_no_child_is_forked_while_the_guard_waits_for_an_answer(stack: Stack) -> None:
    """It would inherit locks of libpq and OpenSSL that nobody opens again, and hang at its first connection."""
    worker = stack.worker()
    job = stack.running(nap.enqueue(Nap(seconds=15, looks_up=False)))
    idle = next(pid for pid in stack.children(worker) if pid != job.pid)
    with transaction.atomic():
        Job.objects.select_for_update().get(id=job.id)
        wait_for(guard_waits, 30, what="the guard waits to renew the lease")
        os.kill(idle, signal.SIGKILL)
        wait_for(lambda: idle not in stack.children(worker), 30, what="the idle child is gone")
        time.sleep(1)
        assert stack.children(worker) == [job.pid]
    wait_for(lambda: len(stack.children(worker)) == 2, 30, what="another child was forked")
    assert stack.ended([job], 30)[job.id].state == State.SUCCEEDED


def guard_waits() -> bool:
    """For the row's lock, to renew its lease."""
    with connection.cursor() as cursor:
        # Otherwise a transaction goes on seeing the statements of its first look.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ILIKE %s",
            ["UPDATE jobs_job SET lease_expires_at%"],
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.covers(99, 100)
@pytest.mark.parametrize("elsewhere", [False, True], ids=["to the same worker", "to another worker"])
def test_a_message_delivered_again_runs_nothing_and_the_first_keeps_its_lease(stack: Stack, elsewhere: bool) -> None:
    stack.relay()
    first = stack.worker()
    job = nap.enqueue(Nap(seconds=12))
    running = stack.running(job)
    if elsewhere:
        stack.worker()
        first.pause()
        # Its last question to Redis lasts a second.
        time.sleep(1.5)
        redeliver(stack, running)
        wait_for(lambda: stack.messages() == 0, 30, what="the other worker took the copy")
        first.resume()
    else:
        redeliver(stack, running)
    ended = stack.ended([job], 30)[job.id]
    assert (ended.state, ended.attempt, ended.losses) == (State.SUCCEEDED, 1, 0)
    redeliver(stack, running)
    wait_for(lambda: stack.messages() == 0 and stack.in_flight() == 0, 30, what="the late copy was acknowledged")
    assert (bodies_begun(job), bodies_ended(job)) == (1, 1)
    assert Job.objects.get(id=job.id).attempt == 1


def redeliver(stack: Stack, job: Job) -> None:
    """Push the same message once more, as the broker does when a visibility timeout passes."""
    push([job])


def test_jobs_whose_process_died_between_commit_and_push_are_dispatched_by_the_relay(stack: Stack) -> None:
    job = echo.enqueue(Echo(text="ab"))
    with stack.redis.client() as client:
        client.flushall()
    Job.objects.filter(id=job.id).update(dispatched_at=None)
    stack.worker()
    stack.relay()
    assert stack.ended([job], 30)[job.id].state == State.SUCCEEDED


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
