"""The admin's pages of schedules."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from accounts.models import User
from schedules import services
from schedules.models import Schedule
from schedules.rules import Crontab
from tests.contract.test_api_schedules import DECLARED

LIST = "/admin/schedules/schedule/"
NIGHTLY = replace(DECLARED, name="nightly", type="testapp.echo", rule=Crontab("30 2 * * *", "Europe/Berlin"))


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def declared(db: None) -> Schedule:
    services.sync([DECLARED])
    return Schedule.objects.get()


def page(schedule: Schedule) -> str:
    return f"{LIST}{schedule.pk}/change/"


def form(user: User, **parts: Any) -> dict[str, Any]:
    return {
        "name": "nightly",
        "owner": user.pk,
        "job_type": "testapp.echo",
        "payload": '{"text": "ab"}',
        "crontab": "30 2 * * *",
        "timezone": "Europe/Berlin",
        "every": "",
        "expires": "01:00:00",
        "enabled": "on",
        **parts,
    }


def errors(response: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = response.context["adminform"].form.errors
    return found


@pytest.mark.covers(22)
def test_of_what_code_declares_only_the_switch_can_be_changed(staff: Client, declared: Schedule) -> None:
    shown = staff.get(page(declared))
    assert list(shown.context["adminform"].form.fields) == ["enabled"]
    response = staff.post(page(declared), {"expires": "00:00:01", "crontab": "* * * * *"})
    assert response.status_code == 302
    declared.refresh_from_db()
    assert services.stored(declared) == DECLARED
    assert not PeriodicTask.objects.get().enabled


def test_what_code_declares_cannot_be_deleted(staff: Client, declared: Schedule) -> None:
    assert staff.post(f"{LIST}{declared.pk}/delete/", {"post": "yes"}).status_code == 403
    staff.post(LIST, {"action": "delete_selected", "_selected_action": [declared.pk], "post": "yes"})
    assert Schedule.objects.count() == 1


@pytest.mark.covers(22)
def test_staff_make_schedules_for_users(staff: Client) -> None:
    ada = User.objects.create(username="ada")
    assert staff.post(f"{LIST}add/", form(ada)).status_code == 302
    schedule = Schedule.objects.get()
    assert (services.stored(schedule), schedule.owner) == (replace(NIGHTLY, expires=timedelta(hours=1)), ada)
    assert schedule.entry.name == f"{ada.pk}:nightly"


def test_staff_change_users_schedules(staff: Client) -> None:
    ada = User.objects.create(username="ada")
    schedule = services.create(NIGHTLY, ada)
    shown = staff.get(page(schedule))
    assert shown.context["adminform"].form.initial["crontab"] == "30 2 * * *"
    staff.post(page(schedule), form(ada, crontab="", timezone="UTC", every="00:15:00", name="another name"))
    schedule.refresh_from_db()
    assert (str(services.stored(schedule).rule), schedule.name) == ("every 0:15:00", "nightly")


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"owner": ""}, "owner"),
        ({"job_type": "testapp.nothing"}, "job_type"),
        ({"payload": "{}"}, "payload"),
        ({"payload": "{"}, "payload"),
        ({"crontab": "often"}, "crontab"),
        ({"timezone": "Berlin"}, "timezone"),
        ({"every": "01:00:00"}, "every"),
        ({"expires": ""}, "expires"),
        ({"name": "taken"}, "name"),
    ],
)
def test_each_fault_stands_at_its_field(staff: Client, parts: dict[str, str], field: str) -> None:
    ada = User.objects.create(username="ada")
    services.create(replace(NIGHTLY, name="taken"), ada)
    response = staff.post(f"{LIST}add/", form(ada, **parts))
    assert response.status_code == 200
    assert list(errors(response)) == [field]
    assert Schedule.objects.count() == 1


def test_users_schedules_are_deleted_with_their_entry(staff: Client) -> None:
    schedule = services.create(NIGHTLY, User.objects.create(username="ada"))
    staff.post(f"{LIST}{schedule.pk}/delete/", {"post": "yes"})
    services.create(NIGHTLY, User.objects.get(username="ada"))
    staff.post(LIST, {"action": "delete_selected", "_selected_action": [Schedule.objects.get().pk], "post": "yes"})
    assert PeriodicTask.objects.count() == 0


def test_the_list_shows_both_kinds_and_switches_them(staff: Client, declared: Schedule) -> None:
    services.create(NIGHTLY, User.objects.create(username="ada"))
    shown = staff.get(LIST).content.decode()
    assert "test.hourly" in shown
    assert "30 2 * * * Europe/Berlin" in shown
    keys = list(Schedule.objects.values_list("pk", flat=True))
    staff.post(LIST, {"action": "disable", "_selected_action": keys})
    assert not PeriodicTask.objects.filter(enabled=True).exists()
    staff.post(LIST, {"action": "enable", "_selected_action": keys[:1]})
    assert PeriodicTask.objects.filter(enabled=True).count() == 1


def test_entries_of_celerys_own_kind_stand_apart_and_shared_rows_are_safe(staff: Client, declared: Schedule) -> None:
    services.create(NIGHTLY, User.objects.create(username="ada"))
    crontab = CrontabSchedule.objects.get()
    PeriodicTask.objects.create(name="plain one", task="tests.testapp.tasks.plain", crontab=crontab)
    shown = staff.get("/admin/django_celery_beat/periodictask/").content.decode()
    assert "plain one" in shown
    assert "nightly" not in shown
    assert "test.hourly" not in shown
    row = f"/admin/django_celery_beat/crontabschedule/{crontab.pk}"
    assert staff.post(f"{row}/delete/", {"post": "yes"}).status_code == 403
    staff.post(f"{row}/change/", {"minute": "*"})
    crontab.refresh_from_db()
    assert crontab.minute == "30"
