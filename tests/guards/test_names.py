"""The names of tasks and job types outlive deployments: rows, messages and schedules hold them."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
from django.conf import settings

from config.celery import app
from jobs import registry
from tests.guards.source import ROOT, told

SNAPSHOT = Path(__file__).with_name("names.toml")
PLACE = SNAPSHOT.relative_to(ROOT)

# Celery registers these in every application.
CELERYS_OWN = {name for name in app.tasks if name.startswith("celery.")}

Names = dict[str, set[str]]


def committed(kind: str) -> Names:
    """The names of the installed apps, by app."""
    found = tomllib.loads(SNAPSHOT.read_text())
    return {name: set(kinds[kind]) for name, kinds in found.items() if name in settings.INSTALLED_APPS}


def declared() -> Names:
    """The job types' names and aliases, by the app that declares them."""
    names: Names = defaultdict(set)
    for name, job_type in registry._types.items():
        names[job_type.service.__module__.split(".")[0]].add(name)
    return names


def registered() -> Names:
    """The Celery tasks' names, by app; without Celery's own."""
    names: Names = defaultdict(set)
    for name, task in app.tasks.items():
        if name not in CELERYS_OWN:
            names[task.__module__.split(".")[0]].add(name)
    return names


def differences(kind: str, current: Names) -> tuple[set[str], set[str]]:
    """The names that are gone, and those that are new; of the suite's own app none."""
    apps = (set(committed(kind)) | set(current)) - {"tests"}
    before = {name for one in apps for name in committed(kind).get(one, ())}
    now = {name for one in apps for name in current.get(one, ())}
    return before - now, now - before


def test_the_snapshot_holds_names() -> None:
    assert sum(map(len, committed("job_types").values())) >= 5
    assert "jobs.run" in committed("tasks")["jobs"]


@pytest.mark.covers(8)
def test_job_types_are_called_what_they_were_called() -> None:
    gone, new = differences("job_types", declared())
    assert not gone, told(gone, "rows and schedules name it: give the job type that does its work this name in aliases")
    assert not new, told(new, f"add it to {PLACE}; if it replaces an old name, give it that one in aliases as well")


@pytest.mark.covers(8)
def test_celery_tasks_are_called_what_they_were_called() -> None:
    gone, new = differences("tasks", registered())
    assert not gone, told(gone, "messages in flight name it: register the task under its old name too, for a release")
    assert not new, told(new, f"add it to {PLACE}; if it replaces an old name, register it under that one as well")


@pytest.mark.covers(8)
def test_no_task_is_named_after_its_place() -> None:
    """Celery's default is the path of the function: moving it would rename the task."""
    named = {name: task.__module__ for name, task in app.tasks.items() if not task.__module__.startswith("tests.")}
    by_place = {name for name, module in named.items() if name.startswith(f"{module}.")}
    assert len(named) >= 5
    assert not by_place - CELERYS_OWN, told(by_place, 'name it: @shared_task(name="<app>.<what it does>", runs_on=…)')
