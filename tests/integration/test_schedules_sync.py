"""What a deploy does to the stored schedules."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from accounts.models import User
from schedules import services
from schedules.definitions import Definition
from schedules.models import Schedule
from schedules.rules import Crontab, Every
from schedules.services import NameTaken

HOURLY = Definition(
    name="test.hourly",
    type="testapp.echo",
    payload={"text": "ab", "times": 1, "tags": []},
    rule=Crontab("0 * * * *"),
    expires=timedelta(minutes=30),
)
DAILY = replace(HOURLY, name="test.daily", rule=Every(timedelta(days=1)))

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create(username="ada")


def names() -> set[str]:
    return set(PeriodicTask.objects.values_list("name", flat=True))


@pytest.mark.covers(22)
def test_declared_schedules_are_stored_and_a_second_time_changes_nothing() -> None:
    assert services.sync([HOURLY, DAILY]).created == ["test.hourly", "test.daily"]
    changed_at = set(PeriodicTask.objects.values_list("date_changed", flat=True))

    again = services.sync([HOURLY, DAILY])

    assert (again.created, again.changed, again.removed) == ([], {}, [])
    assert again.unchanged == ["test.hourly", "test.daily"]
    assert set(PeriodicTask.objects.values_list("date_changed", flat=True)) == changed_at
    assert [services.stored(one) for one in Schedule.objects.all()] == [HOURLY, DAILY]


@pytest.mark.covers(22)
def test_what_code_changed_is_changed_and_said() -> None:
    services.sync([HOURLY])
    done = services.sync([replace(HOURLY, rule=Crontab("5 * * * *", "Europe/Berlin"), expires=timedelta(minutes=5))])
    assert done.changed == {"test.hourly": ["rule", "expires"]}
    assert str(services.rule_of(PeriodicTask.objects.get())) == "5 * * * * Europe/Berlin"


@pytest.mark.covers(22)
def test_a_schedule_that_is_no_longer_declared_goes() -> None:
    services.sync([HOURLY, DAILY])
    assert services.sync([DAILY]).removed == ["test.hourly"]
    assert names() == {"test.daily"}


@pytest.mark.covers(22)
def test_users_schedules_and_plain_entries_survive_a_deploy(user: User) -> None:
    services.create(replace(HOURLY, name="mine"), user)
    hourly = CrontabSchedule.objects.get()
    PeriodicTask.objects.create(name="made in the admin", task="testapp.plain", crontab=hourly)

    services.sync([])

    assert names() == {f"{user.pk}:mine", "made in the admin"}


@pytest.mark.covers(22)
def test_what_an_admin_disabled_stays_disabled_even_when_code_changes_it() -> None:
    services.sync([HOURLY])
    services.change(Schedule.objects.get(), enabled=False)

    done = services.sync([replace(HOURLY, expires=timedelta(minutes=1))])

    assert done.disabled == ["test.hourly"]
    assert not PeriodicTask.objects.get().enabled


def test_a_rule_that_was_edited_by_hand_into_nonsense_is_mended() -> None:
    services.sync([HOURLY])
    CrontabSchedule.objects.update(minute="often")
    assert services.sync([HOURLY]).changed == {"test.hourly": ["rule"]}
    assert services.stored(Schedule.objects.get()) == HOURLY


def test_a_plain_entry_of_the_same_name_is_not_overwritten() -> None:
    services.sync([DAILY])
    PeriodicTask.objects.create(name="test.hourly", task="testapp.plain", interval=PeriodicTask.objects.get().interval)
    with pytest.raises(NameTaken, match=r"test\.hourly"):
        services.sync([HOURLY])


def test_the_command_says_what_it_did() -> None:
    services.sync([HOURLY, DAILY])
    services.change(Schedule.objects.get(name="test.daily"), enabled=False)
    said = StringIO()
    call_command("sync_schedules", stdout=said)
    lines = said.getvalue().splitlines()
    assert "created ops.housekeeping" in lines
    assert "removed test.hourly, which is no longer declared" in lines


@pytest.mark.django_db(transaction=True)
def test_two_at_once_store_each_schedule_once() -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(4)

    def deploy() -> None:
        try:
            start.wait()
            services.sync([HOURLY, DAILY])
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    deploys = [threading.Thread(target=deploy) for _ in range(4)]
    for one in deploys:
        one.start()
    for one in deploys:
        one.join()

    assert failures == []
    assert names() == {"test.hourly", "test.daily"}
