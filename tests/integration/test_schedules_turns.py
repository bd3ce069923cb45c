"""Turns, as the scheduler that Beat runs takes them. Time is real: entries are made to be due."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django_celery_beat.models import PeriodicTask
from pytest_django import Settings

from accounts.models import User
from config.celery import app
from devstack.postgres import Postgres
from devstack.redis import Redis
from jobs import dispatch
from jobs.models import Job
from jobs.relay import sweep
from jobs.states import Reason, State
from schedules import services
from schedules.models import Schedule
from schedules.rules import Crontab, Every
from schedules.scheduler import JobScheduler
from tests.integration.test_schedules_sync import HOURLY
from tests.testapp.tasks import Nap, rationed

pytestmark = pytest.mark.django_db(transaction=True)

# No test crosses the boundary of its slots, but one in a hundred thousand around midnight.
DAILY = replace(HOURLY, name="test.daily", rule=Every(timedelta(days=1)), expires=timedelta(days=1))


@pytest.fixture(autouse=True)
def broker_of_the_test(redis_server: Redis) -> None:
    with redis_server.client() as client:
        client.flushall()
    dispatch.resume()


def due(definition: Any = DAILY, ago: timedelta = timedelta(days=2), owner: User | None = None) -> Schedule:
    """A schedule whose newest turn was taken `ago`."""
    schedule = services.create(definition, owner)
    moment = datetime.now(UTC) - ago
    PeriodicTask.objects.filter(pk=schedule.pk).update(last_run_at=moment)
    Schedule.objects.filter(pk=schedule.pk).update(in_force_since=moment)
    return schedule


def at(ago: timedelta) -> Crontab:
    """Daily, at the time of day that it was so long ago."""
    return Crontab(f"{datetime.now(UTC) - ago:%M %H} * * *")


def ticks(scheduler: JobScheduler) -> JobScheduler:
    """Tick until nothing is due at the moment."""
    while scheduler.tick() <= 0:
        pass
    return scheduler


def slots(schedule: Schedule) -> list[str]:
    return sorted(Job.objects.filter(schedule=schedule.entry.name).values_list("slot", flat=True))


@pytest.mark.covers(4, 21)
def test_a_beat_that_was_away_for_five_turns_makes_one_job() -> None:
    schedule = due(ago=timedelta(days=5))
    ticks(JobScheduler(app))
    assert len(slots(schedule)) == 1


def test_the_job_carries_what_the_schedule_says() -> None:
    ada = User.objects.create(username="ada")
    schedule = due(replace(DAILY, name="mine"), owner=ada)
    ticks(JobScheduler(app))
    job = Job.objects.get()
    assert (job.type, job.payload, job.owner, job.label) == ("testapp.echo", DAILY.payload, ada, "mine")
    turn_due = datetime.fromisoformat(job.slot or "")
    assert job.expires_at == turn_due + DAILY.expires
    assert job.schedule == schedule.entry.name == f"{ada.pk}:mine"


@pytest.mark.covers(28)
def test_two_beats_that_read_the_same_entry_make_one_job() -> None:
    schedule = due()
    beats = [JobScheduler(app) for _ in range(2)]
    for beat in beats:
        beat._read_if_changed()
    start = threading.Barrier(2)

    def tick(beat: JobScheduler) -> None:
        start.wait()
        ticks(beat)
        connection.close()

    threads = [threading.Thread(target=tick, args=[beat]) for beat in beats]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    schedule.entry.refresh_from_db()
    assert len(slots(schedule)) == 1
    assert schedule.entry.total_run_count == 1


@pytest.mark.covers(28)
def test_a_turn_whose_note_was_lost_gives_the_same_job_again() -> None:
    """An admin's page that saves an old `last_run_at` back is enough to lose it."""
    schedule = due(ago=timedelta(days=5))
    before = PeriodicTask.objects.get().last_run_at
    ticks(JobScheduler(app))
    PeriodicTask.objects.update(last_run_at=before)
    ticks(JobScheduler(app))
    assert len(slots(schedule)) == 1


@pytest.mark.covers(23)
def test_a_beat_that_is_killed_right_after_a_turn_has_noted_it() -> None:
    schedule = due()
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == -9
    else:
        connection.connect()
        JobScheduler(app).tick()
        os.kill(os.getpid(), 9)
    noted = PeriodicTask.objects.get().last_run_at
    assert datetime.now(UTC) - noted < timedelta(minutes=1)
    ticks(JobScheduler(app))
    assert len(slots(schedule)) == 1


def test_a_new_schedule_makes_up_no_turn_of_before() -> None:
    schedule = services.create(DAILY, None)
    ticks(JobScheduler(app))
    assert slots(schedule) == []


def test_a_rule_that_was_changed_makes_up_no_turn_of_before() -> None:
    """By its old rule it ran two hours ago, by the new one it would have run a minute ago."""
    schedule = due(HOURLY, ago=timedelta(hours=2))
    services.change(schedule, replace(HOURLY, rule=at(timedelta(minutes=1))))
    ticks(JobScheduler(app))
    assert slots(schedule) == []


def test_a_schedule_that_is_enabled_again_makes_up_no_turn_of_before() -> None:
    schedule = due()
    services.change(schedule, enabled=False)
    ticks(JobScheduler(app))
    services.change(schedule, enabled=True)
    ticks(JobScheduler(app))
    assert slots(schedule) == []


def test_a_change_is_seen_at_the_next_tick() -> None:
    beat = ticks(JobScheduler(app))
    schedule = due()
    PeriodicTask.objects.get().save()
    ticks(beat)
    assert len(slots(schedule)) == 1


def test_a_turn_that_comes_after_its_expiry_is_cancelled_and_says_why() -> None:
    missed = replace(HOURLY, rule=at(timedelta(minutes=2)), expires=timedelta(seconds=1))
    schedule = due(missed, ago=timedelta(days=1))
    ticks(JobScheduler(app))
    assert len(slots(schedule)) == 1
    sweep()
    job = Job.objects.get()
    assert (job.state, job.reason) == (State.CANCELLED, Reason.EXPIRED)


def test_a_schedule_missed_in_the_morning_is_made_up_in_the_evening_not_the_next_night() -> None:
    """django-celery-beat leaves out entries whose hour is more than two away."""
    schedule = due(replace(HOURLY, rule=at(timedelta(hours=6))), ago=timedelta(days=1))
    ticks(JobScheduler(app))
    assert len(slots(schedule)) == 1


def test_a_run_noted_by_a_clock_that_was_years_ahead_does_not_silence_the_schedule() -> None:
    schedule = due()
    PeriodicTask.objects.update(last_run_at=datetime.now(UTC) + timedelta(days=900))
    ticks(JobScheduler(app))
    assert len(slots(schedule)) == 1


def test_one_schedule_that_cannot_make_its_job_says_so_and_stops_no_other() -> None:
    broken = due(replace(DAILY, name="test.broken"))
    Schedule.objects.filter(pk=broken.pk).update(job_type="testapp.was_here_before")
    unfit = due(replace(DAILY, name="test.unfit"))
    Schedule.objects.filter(pk=unfit.pk).update(payload={"words": 5})
    sound = due()

    beat = ticks(JobScheduler(app))

    assert (slots(broken), slots(unfit), len(slots(sound))) == ([], [], 1)
    broken.refresh_from_db()
    unfit.refresh_from_db()
    assert broken.fault == "no job type is called 'testapp.was_here_before' in this version"
    assert unfit.fault.startswith("the payload does not fit testapp.echo any more: text: Field required")
    Schedule.objects.filter(pk=broken.pk).update(job_type="testapp.echo")
    PeriodicTask.objects.filter(pk=broken.pk).update(last_run_at=datetime.now(UTC) - timedelta(days=2))
    broken.entry.save(update_fields=["date_changed"])
    ticks(beat)
    broken.refresh_from_db()
    assert (len(slots(broken)), broken.fault) == (1, "")


@pytest.mark.parametrize(
    "taken_away",
    [
        lambda: User.objects.update(is_active=False),
        lambda: Schedule.objects.update(job_type="testapp.secret_echo"),
    ],
)
def test_what_a_user_may_not_do_any_more_their_schedule_does_not_do_either(taken_away: Callable[[], int]) -> None:
    schedule = due(owner=User.objects.create(username="ada"))
    taken_away()
    ticks(JobScheduler(app))
    schedule.refresh_from_db()
    assert slots(schedule) == []
    assert schedule.fault.startswith("its owner may not ask for testapp.")


def test_a_turn_beyond_its_owners_quota_says_so() -> None:
    ada = User.objects.create(username="ada")
    schedule = due(replace(DAILY, name="mine", type=rationed.name, payload={}), owner=ada)
    for _ in range(rationed.quota or 0):
        rationed.enqueue(Nap(), owner=ada)
    ticks(JobScheduler(app))
    schedule.refresh_from_db()
    assert slots(schedule) == []
    assert "are active already" in schedule.fault


def test_a_turn_that_has_its_job_is_within_the_quota_whatever_came_since() -> None:
    ada = User.objects.create(username="ada")
    schedule = due(replace(DAILY, name="mine", type=rationed.name, payload={}), owner=ada)
    before = PeriodicTask.objects.get().last_run_at
    ticks(JobScheduler(app))
    for _ in range(2):
        rationed.enqueue(Nap(), owner=ada)
    PeriodicTask.objects.update(last_run_at=before)
    ticks(JobScheduler(app))
    schedule.refresh_from_db()
    assert (len(slots(schedule)), schedule.fault) == (1, "")


def test_an_entry_that_cannot_be_read_is_left_out_and_stops_no_other() -> None:
    unreadable = due(replace(HOURLY, name="test.unreadable"))
    sound = due()
    unreadable.entry.crontab.__class__.objects.update(minute="often")
    ticks(JobScheduler(app))
    unreadable.refresh_from_db()
    assert (slots(unreadable), len(slots(sound))) == ([], 1)
    assert unreadable.fault.startswith("crontab was 'often * * * *'")


@pytest.mark.covers(4)
def test_a_broker_that_is_away_loses_no_turn(redis_server: Redis) -> None:
    schedule = due()
    redis_server.stop()
    try:
        ticks(JobScheduler(app))
        job = Job.objects.get()
        assert len(slots(schedule)) == 1
        assert (job.state, job.dispatched_at) == (State.QUEUED, None)
    finally:
        redis_server.start()


@pytest.mark.covers(4)
def test_a_database_that_is_away_stops_beat_only_for_so_long(postgres: Postgres) -> None:
    schedule = due()
    beat = JobScheduler(app)
    postgres.stop()
    try:
        assert beat.tick() == beat.max_interval
        assert beat.tick() == beat.max_interval
    finally:
        postgres.start()
    ticks(beat)
    assert len(slots(schedule)) == 1


@pytest.mark.covers(29)
def test_each_tick_touches_the_file_that_the_probe_looks_at(tmp_path: Path, settings: Settings) -> None:
    settings.HEALTH_DIR = tmp_path
    beat = JobScheduler(app)
    os.utime(tmp_path / "beat", (0, 0))
    beat.tick()
    assert (tmp_path / "beat").stat().st_mtime > 0


def test_a_health_folder_that_cannot_be_written_is_said_at_the_start(settings: Settings) -> None:
    settings.HEALTH_DIR = Path("/proc/nowhere")
    with pytest.raises(ImproperlyConfigured, match="HEALTH_DIR was '/proc/nowhere'"):
        JobScheduler(app)
