"""Schedules over HTTP: a user's own, and those that code declares."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask

from accounts.models import Scope, User
from schedules import services
from schedules.definitions import Definition
from schedules.models import Schedule
from schedules.rules import Every
from tests.contract.client import API, Program, places, problem

DECLARED = Definition(
    name="test.hourly",
    type="testapp.secret_echo",
    payload={"text": "ab", "times": 1, "tags": []},
    rule=Every(timedelta(hours=1)),
    expires=timedelta(hours=1),
)
NIGHTLY: dict[str, Any] = {
    "name": "nightly",
    "type": "testapp.echo",
    "payload": {"text": "ab"},
    "crontab": "30 2 * * *",
    "timezone": "Europe/Berlin",
    "expires": 3600,
}


def create(program: Program, **parts: Any) -> Any:
    """Ask for a good schedule, but for `parts`; a part that is None is left out."""
    wanted = {name: value for name, value in {**NIGHTLY, **parts}.items() if value is not None}
    return program.send("/schedules", wanted)


def change(program: Program, schedule: Any, **parts: Any) -> Any:
    return program.patch(schedule["links"]["self"], parts, content_type="application/json")


def test_a_schedule_is_made_and_shown_with_everything_its_owner_may_know(api: Program) -> None:
    response = create(api)
    assert response.status_code == 201
    body = response.json()
    assert response["Location"] == body["links"]["self"] == f"http://testserver{API}/schedules/{body['id']}"
    assert api.see(body["links"]["self"]).json() == body
    assert set(body) == {
        "id", "name", "declared_in_code", "type", "queue", "payload", "crontab", "timezone", "every", "expires",
        "enabled", "last_turn_at", "next_turn_at", "fault", "links",
    }  # fmt: skip
    assert (body["crontab"], body["timezone"], body["every"]) == ("30 2 * * *", "Europe/Berlin", None)
    assert (body["queue"], body["expires"], body["enabled"]) == ("default", 3600, True)
    assert body["payload"] == {"text": "ab", "times": 1, "tags": []}
    assert datetime.now(UTC) < datetime.fromisoformat(body["next_turn_at"]) <= datetime.now(UTC) + timedelta(hours=26)


def test_a_user_sees_what_code_declares_and_their_own(api: Program, bobs_api: Program) -> None:
    services.sync([DECLARED])
    create(api)
    create(bobs_api, name="bobs")
    items = api.see("/schedules").json()["items"]
    assert [(one["name"], one["declared_in_code"]) for one in items] == [("test.hourly", True), ("nightly", False)]


def test_another_users_schedule_does_not_exist(api: Program, bobs_api: Program) -> None:
    path = create(bobs_api).json()["links"]["self"]
    assert problem(api.see(path)) == (404, "not_found")
    assert problem(api.patch(path, {"enabled": False}, content_type="application/json")) == (404, "not_found")
    assert problem(api.delete(path)) == (404, "not_found")


@pytest.mark.parametrize("number", [0, 2**31, 2**63, 10**40])
def test_a_schedule_that_cannot_exist_is_404(api: Program, number: int) -> None:
    assert problem(api.see(f"/schedules/{number}")) == (404, "not_found")


def test_what_code_declares_cannot_be_changed_over_http(api: Program) -> None:
    services.sync([DECLARED])
    [declared] = api.see("/schedules").json()["items"]
    assert problem(change(api, declared, enabled=False)) == (403, "forbidden")
    assert problem(api.delete(declared["links"]["self"])) == (403, "forbidden")
    assert PeriodicTask.objects.get().enabled


def test_two_users_may_use_one_name_and_one_user_may_not(api: Program, bobs_api: Program) -> None:
    assert [create(api).status_code, create(bobs_api).status_code] == [201, 201]
    assert problem(create(api)) == (409, "schedule_exists")


def test_a_user_has_at_most_a_hundred(api: Program) -> None:
    for number in range(services.MOST_PER_USER):
        assert create(api, name=f"number {number}").status_code == 201
    assert problem(create(api)) == (409, "too_many_schedules")


@pytest.mark.covers(108)
@pytest.mark.parametrize(
    ("parts", "place"),
    [
        ({"name": ""}, "#/name"),
        ({"name": " "}, "#/name"),
        ({"name": "x" * 101}, "#/name"),
        ({"name": "line\nbreak"}, "#/name"),
        ({"type": "testapp.nothing"}, "#/type"),
        ({"type": "testapp.secret_echo"}, "#/type"),
        ({"payload": {"text": "ab", "times": "often"}}, "#/payload/times"),
        ({"payload": []}, "#/payload"),
        ({"crontab": "every night"}, "#/crontab"),
        ({"crontab": "* " * 100}, "#/crontab"),
        ({"crontab": 5}, "#/crontab"),
        ({"crontab": None}, "#/crontab"),
        ({"every": 3600}, "#/every"),
        ({"crontab": None, "timezone": None, "every": 59}, "#/every"),
        ({"crontab": None, "timezone": None, "every": 10**9}, "#/every"),
        ({"crontab": None, "timezone": None, "every": 10**30}, "#/every"),
        ({"crontab": None, "every": 60}, "#/every"),
        ({"timezone": "Berlin"}, "#/timezone"),
        ({"expires": None}, "#/expires"),
        ({"expires": 0}, "#/expires"),
        ({"expires": 10**9}, "#/expires"),
        ({"owner": 1}, "#/owner"),
    ],
)
def test_each_fault_is_shown_where_it_is(api: Program, parts: dict[str, Any], place: str) -> None:
    response = create(api, **parts)
    assert problem(response) == (422, "invalid_body")
    assert places(response) == {place}
    assert Schedule.objects.count() == 0


def test_all_faults_are_shown_at_once(api: Program) -> None:
    response = create(api, type="testapp.nothing", crontab="often", expires=10**9)
    assert places(response) == {"#/type", "#/crontab", "#/expires"}


def test_an_interval_takes_the_place_of_a_crontab_and_back(api: Program) -> None:
    schedule = create(api).json()
    body = change(api, schedule, every=900).json()
    assert (body["crontab"], body["timezone"], body["every"]) == (None, None, 900)
    body = change(api, schedule, crontab="0 3 * * mon").json()
    assert (body["crontab"], body["timezone"], body["every"]) == ("0 3 * * mon", "UTC", None)


def test_what_is_left_out_of_a_change_stays(api: Program) -> None:
    schedule = create(api).json()
    body = change(api, schedule, payload={"text": "cd"}, expires=60).json()
    assert body == {**schedule, "payload": {"text": "cd", "times": 1, "tags": []}, "expires": 60}
    assert change(api, schedule).json() == body


@pytest.mark.parametrize(
    ("parts", "place"),
    [
        ({"name": "other"}, "#/name"),
        ({"type": "testapp.echo"}, "#/type"),
        ({"payload": {}}, "#/payload/text"),
        ({"crontab": "often"}, "#/crontab"),
        ({"crontab": None}, "#/crontab"),
        ({"crontab": "0 3 * * *", "every": 900}, "#/every"),
        ({"every": 1}, "#/every"),
        ({"expires": 0}, "#/expires"),
        ({"enabled": "perhaps"}, "#/enabled"),
    ],
)
def test_a_change_is_checked_like_a_new_schedule(api: Program, parts: dict[str, Any], place: str) -> None:
    schedule = create(api).json()
    response = change(api, schedule, **parts)
    assert problem(response) == (422, "invalid_body")
    assert places(response) == {place}
    assert api.see(schedule["links"]["self"]).json() == schedule


def test_a_disabled_schedule_has_no_next_turn(api: Program) -> None:
    schedule = create(api).json()
    body = change(api, schedule, enabled=False).json()
    assert (body["enabled"], body["next_turn_at"]) == (False, None)
    assert change(api, schedule, enabled=True).json()["next_turn_at"] == schedule["next_turn_at"]


def test_a_schedule_whose_job_type_is_gone_can_still_be_switched_off(api: Program) -> None:
    schedule = create(api).json()
    Schedule.objects.update(job_type="testapp.was_here_before")
    body = change(api, schedule, enabled=False).json()
    assert (body["enabled"], body["queue"]) == (False, None)


def test_a_deleted_schedule_is_gone(api: Program) -> None:
    path = create(api).json()["links"]["self"]
    assert api.delete(path).status_code == 204
    assert problem(api.see(path)) == (404, "not_found")
    assert PeriodicTask.objects.count() == 0


@pytest.mark.covers(112)
def test_each_method_needs_its_scope(alice: User) -> None:
    reader, writer = Program(alice, [Scope.SCHEDULES_READ]), Program(alice, [Scope.SCHEDULES_WRITE])
    assert problem(create(reader)) == (403, "missing_scope")
    schedule = create(writer).json()
    assert problem(writer.see("/schedules")) == (403, "missing_scope")
    assert reader.see(schedule["links"]["self"]).status_code == 200
    assert problem(change(reader, schedule, enabled=False)) == (403, "missing_scope")
    assert problem(reader.delete(schedule["links"]["self"])) == (403, "missing_scope")
