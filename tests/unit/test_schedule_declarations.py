"""What the system check says of schedules that were declared badly, and of the real ones."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import Settings

from jobs.registry import NoPayload
from schedules import declarations
from schedules.checks import faults
from schedules.declarations import Declaration, declared
from schedules.definitions import definition_of
from tests.testapp.tasks import Echo, echo


def declaration(**parts: Any) -> Declaration:
    """A good one, but for `parts`."""
    good: dict[str, Any] = {
        "name": "test.hourly",
        "job": echo,
        "payload": Echo(text="ab"),
        "crontab": "0 * * * *",
        "every": None,
        "timezone": "UTC",
        "expires": timedelta(minutes=30),
    }
    return Declaration(**{**good, **parts})


@pytest.mark.covers(20, 21)
def test_every_schedule_of_the_installed_apps_can_be_stored() -> None:
    assert run_checks() == []
    assert {definition_of(one).name for one in declared()} >= {"ops.housekeeping"}
    assert all(one.expires for one in declared())


def test_a_good_declaration_has_no_fault() -> None:
    assert list(faults([declaration(), declaration(name="test.other", crontab=None, every=timedelta(seconds=1))])) == []


BAD: list[tuple[dict[str, Any], str]] = [
    ({"expires": None}, "expires is missing"),
    ({"expires": timedelta(0)}, "expires was 0:00:00"),
    ({"job": "reports.daily"}, "job was 'reports.daily'; it must be a job type"),
    ({"payload": NoPayload()}, "payload was a NoPayload; the job type testapp.echo needs a Echo"),
    ({"payload": Echo.model_construct(text=5)}, "payload does not fit testapp.echo"),
    ({"payload": Echo(text="\0")}, "payload must not contain NUL"),
    ({"crontab": "often"}, "crontab was 'often'"),
    ({"crontab": None}, "exactly one must be given"),
    ({"every": timedelta(hours=1)}, "exactly one must be given"),
    ({"crontab": None, "every": timedelta(seconds=0.5)}, "every was 0:00:00.500000"),
    ({"crontab": None, "every": timedelta(hours=1), "timezone": "Europe/Berlin"}, "leave timezone out"),
    ({"timezone": "Berlin"}, "timezone was 'Berlin'"),
    ({"name": "Daily: digest"}, "must have a name of the form"),
]


@pytest.mark.covers(20)
@pytest.mark.parametrize(("parts", "sentence"), BAD)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_each_fault_is_a_sentence_that_names_the_schedule(parts: dict[str, Any], sentence: str) -> None:
    [said] = faults([declaration(**parts)])
    assert sentence in said
    assert repr(parts.get("name", "test.hourly")) in said


def test_two_schedules_of_one_name_are_a_fault() -> None:
    [said] = faults([declaration(), declaration()])
    assert "declared 2 times" in said


@pytest.mark.covers(20)
def test_a_fault_stops_every_command_that_checks_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declarations, "_declared", [declaration(expires=None)])
    with pytest.raises(SystemCheckError, match=r"The schedule 'test\.hourly': expires is missing"):
        call_command("sync_schedules", skip_checks=False)


def test_a_schedule_in_celerys_settings_is_not_passed_over(settings: Settings) -> None:
    settings.CELERY_BEAT_SCHEDULE = {"hourly": {"task": "x", "schedule": 3600}}
    [found] = run_checks()
    assert found.id == "schedules.E002"


@pytest.mark.covers(24)
def test_beat_is_never_part_of_a_worker() -> None:
    """Two replicas of such a worker would be two Beats, and one scaled to zero none."""
    root = Path(__file__).resolve().parents[2]
    looked_at = [
        path
        for folder in ("app", "deploy", ".github", ".ci")
        for path in (root / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    ]
    embedded = re.compile(rb"worker\b[^\n]*[\s\"'](-B|--beat)\b")
    assert [str(path) for path in looked_at if embedded.search(path.read_bytes())] == []
    assert len(looked_at) > 100
