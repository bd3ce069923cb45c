"""What probes and monitoring are told in each state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from devstack.postgres import Postgres
from devstack.redis import Redis
from ops import readiness
from tests.contract.client import problem

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def forgotten_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has just started."""
    monkeypatch.setattr(readiness, "_migrated", False)


@pytest.fixture
def empty_redis(redis_server: Redis) -> Redis:
    with redis_server.client() as client:
        client.flushall()
    return redis_server


@contextmanager
def away(server: Redis | Postgres) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()
        connection.close()


def ask(path: str) -> Any:
    return Client(raise_request_exception=False).get(f"/health/{path}")


def job(queue: str, state: str, seconds: float) -> None:
    """A job that has been due for so many seconds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO jobs_job (id, type, queue, state, run_at, lease_expires_at)"
            " VALUES (gen_random_uuid(), 'x', %s, %s, now() - make_interval(secs => %s), now() + interval '30 s')",
            [queue, state, seconds],
        )


def stalled(response: Any) -> list[str]:
    return [one["name"] for one in response.json()["queues"] if one["stalled"]]


def test_a_process_that_answers_is_alive_without_database_or_broker(postgres: Postgres) -> None:
    with away(postgres):
        response = ask("live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_web_is_ready_without_redis(empty_redis: Redis) -> None:
    with away(empty_redis):
        assert ask("ready").status_code == 200


def test_web_is_not_ready_without_the_database_and_says_nothing_secret(postgres: Postgres) -> None:
    with away(postgres):
        response = ask("ready")
    assert problem(response) == (503, "unavailable")
    assert response.json()["detail"] == "The database cannot be reached."
    assert str(postgres.port) not in response.content.decode()
    assert ask("ready").status_code == 200


def test_web_is_not_ready_before_the_migrations(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'schedules'")
    try:
        response = ask("ready")
        assert problem(response) == (503, "unavailable")
        assert response.json()["detail"].startswith("1 migrations have not been applied")
    finally:
        call_command("migrate", "schedules", fake=True, verbosity=0)
    assert ask("ready").status_code == 200


def test_a_ready_process_asks_the_database_one_thing(django_assert_num_queries: Any) -> None:
    ask("ready")
    with django_assert_num_queries(1):
        ask("ready")


@pytest.mark.covers(116)
def test_queues_without_work_are_healthy_without_workers(empty_redis: Redis) -> None:
    response = ask("queues")
    assert response.status_code == 200
    assert [one["name"] for one in response.json()["queues"]] == ["critical", "default", "io", "heavy"]
    assert stalled(response) == []


@pytest.mark.covers(116)
def test_work_that_waits_long_and_that_nobody_takes_is_red(empty_redis: Redis) -> None:
    job("io", "queued", 300)
    job("heavy", "queued", 30)
    job("default", "scheduled", 300)
    response = ask("queues")
    assert problem(response) == (503, "unavailable")
    assert stalled(response) == ["io"]
    assert re.search(r"Nobody takes from io \(1 waiting, the oldest for 3\d\d s\)", response.json()["detail"])


@pytest.mark.covers(116)
def test_a_long_queue_is_healthy_while_something_of_it_runs(empty_redis: Redis) -> None:
    job("io", "queued", 300)
    job("io", "running", 400)
    assert ask("queues").status_code == 200


@pytest.mark.covers(116)
def test_a_message_that_a_worker_has_taken_is_a_sign_of_life(empty_redis: Redis) -> None:
    job("io", "queued", 300)
    with empty_redis.client() as client:
        client.hset("unacked:io", "tag", "[]")
    assert ask("queues").status_code == 200


@pytest.mark.covers(116)
def test_a_plain_message_that_waits_is_seen_though_it_has_no_row(empty_redis: Redis) -> None:
    from tests.testapp.tasks import plain

    plain.apply_async(headers={"enqueued_at": 1_000_000_000})
    response = ask("queues")
    assert problem(response) == (503, "unavailable")
    assert stalled(response) == ["default"]


@pytest.mark.covers(116)
def test_without_the_broker_the_rows_say_what_can_be_said(empty_redis: Redis) -> None:
    job("critical", "queued", 300)
    with away(empty_redis):
        response = ask("queues")
    assert problem(response) == (503, "unavailable")
    assert stalled(response) == ["critical"]
    assert {one["ready"] for one in response.json()["queues"]} == {None}


def test_without_the_database_the_queues_are_unavailable(postgres: Postgres, empty_redis: Redis) -> None:
    with away(postgres):
        assert problem(ask("queues")) == (503, "unavailable")
