"""Twenty programs at once, over real HTTP, each with a connection of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest
from django.db import connections
from pytest_django.live_server_helper import LiveServer

from jobs.models import Job, JobEvent
from tests.contract.client import API, Program, work_on
from tests.testapp.tasks import Trouble, trouble

PROGRAMS = 20


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty new connections at once: a server that is held up for a moment is not away."""
    monkeypatch.setitem(connections.databases["default"]["OPTIONS"], "connect_timeout", 30)


def at_once(live_server: LiveServer, api: Program, path: str, **options: Any) -> list[httpx.Response]:
    """The answers to the same POST, sent twenty times at one moment."""
    barrier = Barrier(PROGRAMS)
    headers = {"Authorization": f"Bearer {api.secret}", **options.pop("headers", {})}

    def post(_: int) -> httpx.Response:
        with httpx.Client(base_url=live_server.url, headers=headers, timeout=30) as client:
            barrier.wait()
            return client.post(f"{API}{path}", **options)

    with ThreadPoolExecutor(PROGRAMS) as threads:
        return list(threads.map(post, range(PROGRAMS)))


@pytest.mark.covers(96)
def test_twenty_creates_with_one_key_make_one_job(live_server: LiveServer, api: Program) -> None:
    body = {"type": "testapp.echo", "payload": {"text": "ab"}}
    answers = at_once(live_server, api, "/jobs", json=body, headers={"Idempotency-Key": "order-17"})
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (Job.objects.count(), JobEvent.objects.count()) == (1, 1)


@pytest.mark.covers(96)
def test_twenty_creates_with_one_unique_key_make_one_job(live_server: LiveServer, api: Program) -> None:
    body = {"type": "testapp.echo", "payload": {"text": "ab"}, "unique": "report"}
    answers = at_once(live_server, api, "/jobs", json=body)
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * (PROGRAMS - 1)
    [job] = Job.objects.all()
    assert {answer.json().get("job", answer.json())["id"] for answer in answers} == {str(job.id)}


def test_twenty_retries_of_one_dead_letter_make_one_job(live_server: LiveServer, api: Program) -> None:
    dead = work_on(trouble.enqueue(Trouble(raises="permanent"), owner=api.user))
    answers = at_once(live_server, api, f"/jobs/{dead.id}/retry")
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Job.objects.count() == 2
    assert JobEvent.objects.filter(job=dead, kind="retried").count() == 1


def test_twenty_cancels_of_one_job_leave_one_event(live_server: LiveServer, api: Program) -> None:
    job_id = api.create().json()["id"]
    answers = at_once(live_server, api, f"/jobs/{job_id}/cancel")
    assert {answer.status_code for answer in answers} == {200}
    assert JobEvent.objects.filter(job_id=job_id, kind="cancelled").count() == 1
