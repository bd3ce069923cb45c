"""Entries of Beat's that make no job: they send a plain task's message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config.celery import app
from devstack.redis import Redis
from jobs import broker
from jobs.models import Job
from schedules.scheduler import JobScheduler
from tests.integration.test_schedules_turns import broker_of_the_test, ticks

# The fixture of the tests of turns, here too.
__all__ = ["broker_of_the_test"]

pytestmark = pytest.mark.django_db(transaction=True)


def plain_entry(**parts: Any) -> PeriodicTask:
    minutely, _ = IntervalSchedule.objects.get_or_create(every=60, period="seconds")
    entry = PeriodicTask.objects.create(
        **{"name": "plain", "task": "tests.testapp.tasks.plain", "interval": minutely, "queue": "default", **parts}
    )
    PeriodicTask.objects.update(last_run_at=datetime.now(UTC) - timedelta(days=2))
    return entry


def test_an_entry_without_a_schedule_sends_a_message_that_expires_with_the_next(redis_server: Redis) -> None:
    plain_entry()
    ticks(JobScheduler(app))
    with redis_server.client() as client:
        [message] = client.lrange("default", 0, -1)
    assert '"task": "tests.testapp.tasks.plain"' in message
    expires = datetime.fromisoformat(message.split('"expires": "')[1].split('"')[0])
    assert timedelta(seconds=50) < expires - datetime.now(UTC) <= timedelta(seconds=61)
    assert Job.objects.count() == 0


def test_two_beats_send_a_plain_message_once() -> None:
    plain_entry()
    beats = [JobScheduler(app) for _ in range(2)]
    for beat in beats:
        beat._read_if_changed()
    for beat in beats:
        ticks(beat)
    assert broker.counts("default").ready == 1


def test_a_message_that_must_be_sent_once_is_sent_once() -> None:
    plain_entry(one_off=True)
    beat = ticks(JobScheduler(app))
    PeriodicTask.objects.update(last_run_at=datetime.now(UTC) - timedelta(days=2))
    PeriodicTask.objects.get().save()
    ticks(beat)
    assert broker.counts("default").ready == 1
    assert not PeriodicTask.objects.get().enabled
