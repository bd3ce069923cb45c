"""Celery's settings: known to Celery, explained, in one place, and without what is known to lose work."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from celery.app.defaults import NAMESPACES, flatten
from django.conf import settings

from config.queues import Queue, find
from tests.guards.source import APP, ROOT, Module, modules, of_app, told

KNOWN = set(dict(flatten(NAMESPACES)))
# Read by Celery's Django fixup, which looks for it under this whole name.
OF_THE_FIXUP = {"CELERY_DB_REUSE_MAX"}
HOME = "config.settings.celery"
DECISION = ROOT / "docs" / "decisions" / "0003-celery-settings.md"

# What a process with this environment hands to Celery: settings are read once, so each takes a process of its own.
SHOW = """
import json
from config.settings import celery, jobs
found = {name: getattr(module, name) for module in (celery, jobs) for name in dir(module) if name.isupper()}
print(json.dumps(found, default=str))
"""


def settings_of(queue: Queue | None) -> dict[str, Any]:
    """The settings of a worker of the queue, or of a process that only sends."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "SECRET_KEY": "x" * 50,
        "ALLOWED_HOSTS": "*",
        "DATABASE_URL": "postgresql://app@127.0.0.1/app",
        "REDIS_URL": "rediss://127.0.0.1:6379/0",
        "REDIS_CA_PATH": str(ROOT / "pyproject.toml"),
        "WORKER_QUEUE": queue or "",
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [sys.executable, "-c", SHOW], cwd=APP, env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def of_a_sender() -> dict[str, Any]:
    return settings_of(None)


@pytest.fixture(scope="module", params=list(Queue), ids=str)
def of_a_worker(request: pytest.FixtureRequest) -> dict[str, Any]:
    return settings_of(request.param)


def queue_of(found: dict[str, Any]) -> Queue:
    queue = find(found["WORKER_QUEUE"])
    assert queue is not None
    return queue


def assigned(module: Module) -> set[str]:
    """The names of Celery's settings that a module gives a value."""
    stored = (node for node in module.nodes() if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    return {node.id for node in stored if node.id.startswith("CELERY_")}


def celery_names() -> set[str]:
    [home] = [module for module in of_app() if module.name == HOME]
    return assigned(home)


def is_known(name: str) -> bool:
    return name in OF_THE_FIXUP or name.removeprefix("CELERY_").lower() in KNOWN


@pytest.mark.covers(7)
def test_celery_knows_every_setting() -> None:
    """It passes over what it does not know, and the mistake shows as a default that nobody chose."""
    assert len(celery_names()) >= 30
    unknown = {name for name in celery_names() if not is_known(name)}
    assert not unknown, told(unknown, f"Celery has no such options; compare with celery/app/defaults.py, mend {HOME}")


@pytest.mark.covers(7)
@pytest.mark.parametrize("name", ["CELERY_TASK_MAX_RETRIES", "CELERY_BROKER_BACKEND", "CELERYD_CONCURRENCY"])
def test_names_that_look_right_are_told_from_those_that_are(name: str) -> None:
    assert not is_known(name)


@pytest.mark.covers(7)
def test_celerys_settings_stand_in_one_place() -> None:
    elsewhere = {
        f"{module.place} sets {name}" for module in of_app() if module.name != HOME for name in assigned(module)
    }
    assert not elsewhere, told(elsewhere, f"move it to {HOME}, the only place for CELERY_*")


def explained() -> set[str]:
    """The settings and transport options that have a row in the tables of the decision."""
    rows = (line.split("|")[1] for line in DECISION.read_text().splitlines() if line.startswith("| `"))
    return {name.strip(" `") for cell in rows for name in cell.split(",")}


def test_every_setting_and_its_reason_stand_in_the_decision(of_a_worker: dict[str, Any]) -> None:
    place = DECISION.relative_to(ROOT)
    used = {name.removeprefix("CELERY_").lower() for name in celery_names()}
    used |= set(of_a_worker["CELERY_BROKER_TRANSPORT_OPTIONS"])
    assert len(used) >= 40
    assert not used - explained(), told(used - explained(), f"say in {place} what it is set to and why")
    assert not explained() - used, told(explained() - used, f"it is no longer set; take it out of {place}")


@pytest.mark.covers(85, 123)
def test_messages_are_json_and_nothing_else_is_read(of_a_sender: dict[str, Any], of_a_worker: dict[str, Any]) -> None:
    for found in (of_a_sender, of_a_worker):
        assert (found["CELERY_TASK_SERIALIZER"], found["CELERY_ACCEPT_CONTENT"]) == ("json", ["json"])


@pytest.mark.covers(85)
def test_nothing_unpickles() -> None:
    """Whoever can write into the broker would run code of their own in every worker."""
    found = {
        f"{module.place} imports {name}"
        for module in of_app()
        for name in module.imported()
        if name.split(".")[0] in ("pickle", "cPickle", "dill", "marshal", "shelve")
    }
    assert not found, told(found, "send ids and JSON, and keep the rest in the database")


def test_a_lost_connection_does_not_cancel_what_runs(of_a_worker: dict[str, Any]) -> None:
    """True loses every running task when Redis restarts: they are acknowledged as revoked."""
    assert of_a_worker["CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS"] is False


@pytest.mark.covers(105, 127)
def test_no_result_backend_is_configured(of_a_sender: dict[str, Any], of_a_worker: dict[str, Any]) -> None:
    for found in (of_a_sender, of_a_worker):
        assert found["CELERY_RESULT_BACKEND"] is None
        assert found["CELERY_TASK_IGNORE_RESULT"] is True


@pytest.mark.covers(121)
def test_no_queue_is_made_up(of_a_sender: dict[str, Any]) -> None:
    """A misspelt name would be a list that nobody reads."""
    assert of_a_sender["CELERY_TASK_CREATE_MISSING_QUEUES"] is False


@pytest.mark.covers(60)
def test_a_queue_is_one_list(of_a_sender: dict[str, Any], of_a_worker: dict[str, Any]) -> None:
    """Priorities would spread it over several, of which autoscaling sees one."""
    for found in (of_a_sender, of_a_worker):
        assert found["CELERY_BROKER_TRANSPORT_OPTIONS"]["priority_steps"] == [0]


@pytest.mark.covers(10)
def test_clocks_are_utc(of_a_sender: dict[str, Any]) -> None:
    assert settings.USE_TZ is True
    assert settings.TIME_ZONE == of_a_sender["CELERY_TIMEZONE"] == "UTC"
    assert of_a_sender["CELERY_ENABLE_UTC"] is True


def test_every_wait_for_redis_has_an_end(of_a_sender: dict[str, Any], of_a_worker: dict[str, Any]) -> None:
    """Without `socket_timeout` a half-open connection holds a worker for ever."""
    sender, worker = (found["CELERY_BROKER_TRANSPORT_OPTIONS"] for found in (of_a_sender, of_a_worker))
    for option in ("socket_timeout", "socket_connect_timeout"):
        assert 0 < sender[option] <= worker[option] <= 10
    assert 0 < worker["health_check_interval"] <= 10
    retries = of_a_sender["CELERY_TASK_PUBLISH_RETRY_POLICY"]
    assert retries["max_retries"] * retries["interval_max"] <= 0.5
    assert of_a_worker["CELERY_BROKER_CONNECTION_MAX_RETRIES"] is None, "a worker outlives any outage"


def test_a_worker_has_its_queues_limits_and_its_own_in_flight_hash(of_a_worker: dict[str, Any]) -> None:
    queue = queue_of(of_a_worker)
    options = of_a_worker["CELERY_BROKER_TRANSPORT_OPTIONS"]
    assert of_a_worker["CELERY_TASK_TIME_LIMIT"] == queue.lane.hard_limit
    assert of_a_worker["CELERY_WORKER_CONCURRENCY"] == queue.lane.concurrency
    assert of_a_worker["CELERY_WORKER_POOL"] == queue.lane.pool
    assert options["visibility_timeout"] == queue.lane.visibility_timeout
    for key in ("unacked_key", "unacked_index_key", "unacked_mutex_key"):
        assert options[key].endswith(f":{queue}"), "workers of two queues would give back each other's messages"


@pytest.mark.covers(100)
def test_the_brokers_redelivery_outlasts_every_attempt(of_a_worker: dict[str, Any]) -> None:
    """Shorter, and a task that runs longer than it is run again while it runs, for ever."""
    options, lane = of_a_worker["CELERY_BROKER_TRANSPORT_OPTIONS"], queue_of(of_a_worker).lane
    assert options["visibility_timeout"] > of_a_worker["CELERY_TASK_TIME_LIMIT"] + lane.grace_period


def test_the_engines_timers_fit_each_other(of_a_sender: dict[str, Any]) -> None:
    assert of_a_sender["JOB_LEASE_RENEWAL"] * 3 <= of_a_sender["JOB_LEASE"], "two lost renewals must not cost a lease"
    assert of_a_sender["RELAY_INTERVAL"] < of_a_sender["JOB_LEASE"], "a lost worker would be noticed late"
    assert of_a_sender["DISPATCH_UNDISPATCHED"] < of_a_sender["DISPATCH_OVERDUE"], "forgotten comes before lost"


def test_settings_modules_are_found() -> None:
    assert len(modules(APP / "config" / "settings")) >= 8
