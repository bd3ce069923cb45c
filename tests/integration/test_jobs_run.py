"""A job's life on real processes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from config.queues import Queue
from jobs.models import Job
from jobs.outcomes import OFFERED_AGAIN
from jobs.states import Reason, State
from tests.integration.conftest import Stack, give_back_often
from tests.polling import wait_for
from tests.testapp.models import Run
from tests.testapp.tasks import Echo, Nap, Trouble, backend_pid, echo, nap, nap_on, plain, trouble


@pytest.mark.covers(14, 94)
def test_a_job_and_a_plain_task_both_run(stack: Stack) -> None:
    stack.worker()
    job = echo.enqueue(Echo(text="ab", times=2))
    plain.delay()
    ended = stack.ended([job], 30)[job.id]
    assert (ended.state, ended.result, ended.attempt) == (State.SUCCEEDED, {"text": "abab"}, 1)
    assert [event.kind for event in ended.events.all()] == ["created", "started", "succeeded"]


@pytest.mark.covers(34)
def test_a_message_carries_the_id_and_no_payload(stack: Stack) -> None:
    job = echo.enqueue(Echo(text="something that must not travel"))
    with stack.redis.client() as client:
        [message] = client.lrange("default", 0, -1)
    assert str(job.id) in message
    assert "something" not in message
    assert len(json.loads(message)["body"]) < 1_000


WAYS_TO_FAIL = [
    (Trouble(raises="transient"), State.DEAD, Reason.FAILED, 3),
    (Trouble(raises="named"), State.DEAD, Reason.FAILED, 3),
    (Trouble(raises="named", until_attempt=2), State.SUCCEEDED, Reason.NONE, 2),
    (Trouble(raises="permanent"), State.DEAD, Reason.FAILED, 1),
    (Trouble(raises="unforeseen"), State.DEAD, Reason.FAILED, 1),
    (Trouble(raises="system exit"), State.DEAD, Reason.LOST, 3),
    (Trouble(raises="gone"), State.SUCCEEDED, Reason.GONE, 1),
    (Trouble(raises="memory"), State.DEAD, Reason.MEMORY, 3),
    (Trouble(result="x" * 200_000), State.DEAD, Reason.FAILED, 1),
    (Trouble(result="NUL"), State.DEAD, Reason.FAILED, 1),
]


@pytest.mark.covers(36, 51, 52)
def test_each_way_to_fail_ends_as_the_policy_says(stack: Stack) -> None:
    stack.worker()
    stack.relay()
    jobs = [trouble.enqueue(way) for way, *_ in WAYS_TO_FAIL]
    ended = stack.ended(jobs, 30)
    seen = [(ended[job.id].state, ended[job.id].reason, ended[job.id].attempt) for job in jobs]
    assert seen == [tuple(expected) for _, *expected in WAYS_TO_FAIL]
    assert [Run.objects.filter(job_id=job.id).count() for job in jobs] == [way[3] for way in WAYS_TO_FAIL]


@pytest.mark.covers(82, 109)
def test_a_dead_letter_keeps_its_payload_and_traceback_but_no_secret(stack: Stack) -> None:
    stack.worker()
    job = trouble.enqueue(Trouble(raises="unforeseen"))
    dead = stack.ended([job], 30)[job.id]
    assert dead.payload["raises"] == "unforeseen"
    assert dead.error == "unexpected ValueError"
    assert "tests/testapp/tasks.py" in dead.traceback
    assert "hunter2" not in dead.traceback + stack.logs()


@pytest.mark.covers(79)
def test_a_payload_that_was_tampered_with_is_never_executed(stack: Stack) -> None:
    job = echo.enqueue(Echo(text="ab"))
    Job.objects.filter(id=job.id).update(payload={"text": "ab", "times": "many"})
    give_back_often(job, Reason.INVALID)
    stack.worker()
    dead = stack.ended([job], 30)[job.id]
    assert (dead.state, dead.reason, dead.attempt) == (State.DEAD, Reason.INVALID, 1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": "testapp.of_the_next_version"}, Reason.UNKNOWN_TYPE),
        ({"payload": {"text": ["ab", "cd"]}}, Reason.INVALID),
    ],
    ids=["a new type", "a new kind of payload"],
)
def test_what_an_older_worker_cannot_read_is_given_back(stack: Stack, changes: dict[str, Any], reason: Reason) -> None:
    job = echo.enqueue(Echo(text="ab"))
    Job.objects.filter(id=job.id).update(**changes)
    stack.worker()
    given_back = wait_for(Job.objects.filter(id=job.id, reason=reason).first, 30, what="the job was given back")
    assert (given_back.state, given_back.failures, given_back.losses) == (State.SCHEDULED, 0, 0)
    released = given_back.events.get(kind="released")
    assert (given_back.run_at - released.at).total_seconds() == pytest.approx(OFFERED_AGAIN[0], abs=1)


def test_a_job_of_a_new_type_that_an_older_worker_took_succeeds_on_a_newer_one(stack: Stack) -> None:
    stack.relay()
    older = stack.worker()
    with transaction.atomic():
        job = echo.enqueue(Echo(text="ab"))
        Job.objects.filter(id=job.id).update(type="testapp.of_the_next_version")
    wait_for(Job.objects.filter(id=job.id, reason=Reason.UNKNOWN_TYPE).exists, 30, what="the job was given back")
    older.stop()
    stack.worker(TESTAPP_NEXT_VERSION="1")
    ended = stack.ended([job], 30)[job.id]
    given_back = ended.events.filter(kind="released").count()
    assert (ended.state, ended.attempt, ended.failures, ended.result) == (State.SUCCEEDED, given_back + 1, 0, "ab")


def test_a_job_of_a_type_that_is_gone_is_a_dead_letter_after_ten_minutes_of_asking(stack: Stack) -> None:
    assert 600 <= sum(OFFERED_AGAIN) < 660
    job = echo.enqueue(Echo(text="ab"))
    Job.objects.filter(id=job.id).update(type="testapp.removed_last_year")
    give_back_often(job, Reason.UNKNOWN_TYPE)
    stack.worker()
    dead = stack.ended([job], 30)[job.id]
    assert (dead.state, dead.reason) == (State.DEAD, Reason.UNKNOWN_TYPE)


@pytest.mark.covers(64)
def test_twenty_naps_share_the_threads_of_io(stack: Stack) -> None:
    stack.worker(Queue.IO, WORKER_CONCURRENCY="20")
    for _ in range(20):
        nap_on[Queue.IO].enqueue(Nap(seconds=60, looks_up=False))
    wait_for(lambda: Run.objects.count() == 20, 30, what="twenty bodies begun, none of which has ended")
    assert not Run.objects.filter(ended=True).exists()


@pytest.mark.covers(93)
def test_two_hundred_tasks_use_no_more_connections_than_children(stack: Stack) -> None:
    stack.worker()
    for _ in range(200):
        backend_pid.delay()
    wait_for(lambda: Run.objects.count() == 200, 30, what="200 tasks ran")
    assert Run.objects.values("attempt").distinct().count() <= Queue.DEFAULT.lane.concurrency


@pytest.mark.covers(55, 88)
def test_a_service_past_its_time_limit_fails_with_reason_timeout(stack: Stack) -> None:
    stack.worker(WORKER_TIME_LIMIT="1")
    job = nap.enqueue(Nap(seconds=30, looks_up=False))
    ended = stack.ended([job], 30)[job.id]
    assert (ended.state, ended.reason, ended.failures) == (State.DEAD, Reason.TIMEOUT, 1)
    assert "time limit" in ended.error


def test_a_thread_past_its_time_limit_stops_at_its_next_progress_call(stack: Stack) -> None:
    stack.worker(Queue.IO, WORKER_TIME_LIMIT="1")
    job = nap_on[Queue.IO].enqueue(Nap(seconds=30))
    ended = stack.ended([job], 30)[job.id]
    assert (ended.state, ended.reason) == (State.DEAD, Reason.TIMEOUT)


def test_a_job_for_later_is_held_by_the_database_and_starts_in_time(stack: Stack) -> None:
    stack.worker()
    stack.relay()
    job = echo.enqueue(Echo(text="ab"), run_at=timezone.now() + timedelta(seconds=3))
    assert job.state == State.SCHEDULED
    assert stack.messages() == 0
    ended = stack.ended([job], 30)[job.id]
    assert ended.started_at is not None
    assert 0 <= (ended.started_at - job.run_at).total_seconds() < 10


def test_a_job_that_was_not_started_in_time_is_cancelled(stack: Stack) -> None:
    with_worker = echo.enqueue(Echo(text="ab"), expires_at=timezone.now() + timedelta(seconds=1))
    wait_for(lambda: timezone.now() > with_worker.expires_at, 30, what="the job expired")
    stack.worker()
    ended = stack.ended([with_worker], 30)[with_worker.id]
    assert (ended.state, ended.reason, ended.attempt) == (State.CANCELLED, Reason.EXPIRED, 0)
    without_worker = nap_on[Queue.HEAVY].enqueue(Nap(), expires_at=timezone.now() + timedelta(seconds=1))
    stack.relay()
    assert stack.ended([without_worker], 30)[without_worker.id].reason == Reason.EXPIRED


@pytest.mark.covers(15)
def test_a_transaction_that_is_rolled_back_leaves_neither_job_nor_message(stack: Stack) -> None:
    with transaction.atomic():
        echo.enqueue(Echo(text="ab"))
        transaction.set_rollback(True)
    assert (Job.objects.count(), stack.messages()) == (0, 0)


@pytest.mark.covers(105, 127)
def test_a_result_is_readable_after_redis_lost_everything(stack: Stack) -> None:
    stack.worker()
    job = echo.enqueue(Echo(text="ab"))
    stack.ended([job], 30)
    with stack.redis.client() as client:
        client.flushall()
    assert Job.objects.get(id=job.id).result == {"text": "ab"}
