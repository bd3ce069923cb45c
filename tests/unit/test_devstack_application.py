"""The environment of each role, read back by the application's own reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import environment
from config.queues import Queue
from devstack import certificates
from devstack.application import Application, Role, process_name
from devstack.errors import StackError
from devstack.postgres import Postgres
from devstack.redis import Redis

PASSWORDS = {role: f"{role}-password" for role in ("web", "worker", "relay", "beat", "admin")}
PROCESSES = [
    *((role, None) for role in Role if role is not Role.WORKER),
    *((Role.WORKER, queue) for queue in Queue),
]


@pytest.fixture
def application(tmp_path: Path) -> Application:
    files = certificates.ensure(tmp_path / "certificates")
    redis = Redis(tmp_path / "redis", 20001, PASSWORDS, files)
    postgres = Postgres(tmp_path / "postgres", 20002, "secret")
    return Application(tmp_path, redis, postgres, secret_key="k" * 43, web_port=20003)


@pytest.mark.parametrize(("role", "queue"), PROCESSES)
def test_the_application_accepts_the_environment_of_every_role(
    application: Application, monkeypatch: pytest.MonkeyPatch, role: Role, queue: Queue | None
) -> None:
    for name, value in application.variables(role, queue).items():
        monkeypatch.setenv(name, value)

    read = environment.load()

    assert read.worker_queue == queue
    assert read.web_port == 20003
    assert read.redis_url.get_secret_value() == "rediss://127.0.0.1:20001/0"
    assert read.database_url.get_secret_value() == "postgresql://app:secret@127.0.0.1:20002/app"
    assert read.health_dir is not None
    assert read.health_dir.is_dir()


@pytest.mark.parametrize(("role", "user"), [(Role.WORKER, "worker"), (Role.RELAY, "relay"), (Role.MANAGE, "web")])
def test_a_role_logs_into_redis_as_itself(application: Application, role: Role, user: str) -> None:
    variables = application.variables(role, Queue.IO if role is Role.WORKER else None)

    assert (variables["REDIS_USERNAME"], variables["REDIS_PASSWORD"]) == (user, PASSWORDS[user])


@pytest.mark.parametrize(("role", "queue"), [(Role.WORKER, None), (Role.WEB, Queue.IO)])
def test_a_worker_has_a_queue_and_nothing_else_has_one(
    application: Application, role: Role, queue: Queue | None
) -> None:
    with pytest.raises(StackError, match=f"the queue of {role} was {queue}; a worker must have one"):
        application.variables(role, queue)


def test_each_process_has_a_health_folder_of_its_own(application: Application) -> None:
    folders = {application.variables(role, queue)["HEALTH_DIR"] for role, queue in PROCESSES}

    assert len(folders) == len(PROCESSES)


def test_the_settings_module_and_extra_variables_are_the_callers(application: Application) -> None:
    application.settings = "config.settings.test"
    application.extra = {"JOB_LEASE": "2", "LOG_FORMAT": "json"}

    variables = application.variables(Role.RELAY)

    assert variables["DJANGO_SETTINGS_MODULE"] == "config.settings.test"
    assert (variables["JOB_LEASE"], variables["LOG_FORMAT"]) == ("2", "json")


def test_what_would_contradict_the_variables_is_left_out(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", "/mounted/url")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")

    found = application.environment(Role.WEB)

    assert "DATABASE_URL_FILE" not in found
    assert "PYTHONPATH" not in found
    assert found["LOG_LEVEL"] == "DEBUG", "what we do not set is the developer's"


def test_web_listens_on_this_machine_alone(application: Application) -> None:
    assert application.command(Role.WEB)[-2:] == ["--bind", "127.0.0.1:20003"]


def test_a_role_without_a_password_is_named(application: Application) -> None:
    del application.redis.passwords["beat"]

    with pytest.raises(StackError, match="'beat' has no Redis password; it must be one of web, worker, relay, admin"):
        application.variables(Role.BEAT)


@pytest.mark.parametrize(("role", "queue", "name"), [(Role.WEB, None, "web"), (Role.WORKER, Queue.IO, "worker-io")])
def test_a_process_is_named_for_its_role_and_queue(role: Role, queue: Queue | None, name: str) -> None:
    assert process_name(role, queue) == name
