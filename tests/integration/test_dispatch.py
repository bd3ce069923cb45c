"""How messages get to the broker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from celery import current_app
from django.conf import LazySettings
from django.db import transaction

from config.celery import JOB_TASK
from jobs import dispatch
from jobs.messages import VERSION
from jobs.models import Job
from tests.integration.conftest import Stack
from tests.testapp.tasks import Echo, echo


def test_our_message_is_the_one_that_celery_would_have_written(stack: Stack) -> None:
    job = echo.enqueue(Echo(text="ab"))
    job.refresh_from_db()
    assert job.dispatched_at
    current_app.send_task(
        JOB_TASK,
        args=[str(job.id)],
        task_id=f"{job.id}.{job.dispatch}",
        queue=job.queue,
        headers={"enqueued_at": job.dispatched_at.timestamp(), "job_message_version": VERSION},
        ignore_result=True,
    )
    with stack.redis.client() as client:
        celerys, ours = (json.loads(text) for text in client.lrange(job.queue, 0, -1))
    assert without_tag(ours) == without_tag(celerys)


def without_tag(message: dict[str, Any]) -> dict[str, Any]:
    """The message without what is random in it."""
    del message["properties"]["delivery_tag"]
    return message


def test_a_job_is_stamped_by_its_insert_and_anew_after_a_long_transaction(stack: Stack, settings: LazySettings) -> None:
    settings.DISPATCH_UNDISPATCHED = 60
    short = echo.enqueue(Echo(text="ab"))
    settings.DISPATCH_UNDISPATCHED = 0
    with transaction.atomic():
        long = echo.enqueue(Echo(text="ab"))
        inserted_at = long.dispatched_at
    assert [Job.objects.get(id=job.id).dispatch for job in (short, long)] == [1, 2]
    renewed_at = Job.objects.get(id=long.id).dispatched_at
    assert inserted_at < renewed_at
    with stack.redis.client() as client:
        stamps = [json.loads(text)["headers"]["enqueued_at"] for text in client.lrange(long.queue, 0, -1)]
    assert stamps == pytest.approx([renewed_at.timestamp(), short.dispatched_at.timestamp()], abs=1e-3)


@pytest.mark.covers(1, 90)
def test_a_broker_that_refuses_costs_a_third_of_a_second_once_and_nothing_then(stack: Stack) -> None:
    echo.enqueue(Echo(text="warm"))
    stack.redis.stop()
    try:
        first = least_of(3, seconds_of_enqueue_anew)
        second = least_of(5, seconds_of_enqueue)
    finally:
        stack.redis.start()
    assert first < 0.5
    assert second < 0.1
    assert Job.objects.filter(dispatched_at=None).count() == 8


@pytest.mark.covers(90)
def test_a_broker_that_is_silent_costs_at_most_four_seconds(stack: Stack) -> None:
    echo.enqueue(Echo(text="warm"))
    stack.redis.pause()
    try:
        assert least_of(2, seconds_of_enqueue_anew) <= 4
    finally:
        stack.redis.resume()
    assert Job.objects.filter(dispatched_at=None).count() == 2


def least_of(times: int, seconds: Callable[[], float]) -> float:
    """The least of several tries: what else the machine does can only add."""
    return min(seconds() for _ in range(times))


def seconds_of_enqueue_anew() -> float:
    """As the first that finds the broker away."""
    dispatch.resume()
    return seconds_of_enqueue()


def seconds_of_enqueue() -> float:
    began = time.perf_counter()
    echo.enqueue(Echo(text="ab"))
    return time.perf_counter() - began
