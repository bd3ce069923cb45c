"""What happens to a job is streamed: by real web and worker, over connections that break."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
import pytest

from accounts.models import ApiToken, Scope, User
from jobs.models import Job
from jobs.states import State
from tests.integration.conftest import Stack
from tests.integration.test_logs import answers
from tests.polling import wait_for
from tests.services import APPLICATION
from tests.testapp.tasks import Count, Echo, Nap, count, echo, nap

pytestmark = pytest.mark.covers(104)


class Block(NamedTuple):
    """An event of the stream; comments and `retry` have no kind."""

    kind: str
    data: Any
    id: int | None
    retry: int | None


@pytest.fixture
def ada(stack: Stack) -> User:
    return User.objects.create(username="ada")


@pytest.fixture
def api(ada: User) -> Iterator[httpx.Client]:
    _, token = ApiToken.issue(ada, "tests", [Scope.JOBS_READ])
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    with httpx.Client(base_url=f"{APPLICATION.url}/api/v1", headers=headers, timeout=30, trust_env=False) as client:
        yield client


@contextmanager
def listening(api: httpx.Client, job: Job, after: int | None = None) -> Iterator[Iterator[Block]]:
    """The blocks of a stream as they come."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with api.stream("GET", f"/jobs/{job.id}/stream", headers=headers) as response:
        assert (response.status_code, response.headers["Content-Type"]) == (200, "text/event-stream")
        yield blocks(response.iter_lines())


def blocks(lines: Iterator[str]) -> Iterator[Block]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        else:
            number, retry = fields.get("id"), fields.get("retry")
            data = json.loads(fields["data"]) if "data" in fields else None
            yield Block(fields.get("event", ""), data, number and int(number), retry and int(retry))  # type: ignore[arg-type]
            fields = {}


def until(stream: Iterator[Block], last: Callable[[Block], bool]) -> list[Block]:
    """The blocks up to the one that is the last."""
    found = []
    for one in stream:
        found.append(one)
        if last(one):
            return found
    raise AssertionError(f"the stream broke off; it had {found}")


def start_web(stack: Stack, **variables: str) -> None:
    stack.web(**variables)
    wait_for(answers, 30, what="web answers")


def test_a_client_whose_connection_breaks_goes_on_without_a_gap_and_without_a_repeat(
    stack: Stack, api: httpx.Client, ada: User
) -> None:
    start_web(stack)
    job = count.enqueue(Count(to=3, seconds_each=1), owner=ada)
    with listening(api, job) as stream:
        before = until(stream, lambda one: one.kind == "history")
    assert [one.data["kind"] for one in before if one.kind] == ["created"]
    stack.worker()
    seen = [one for one in before if one.id]
    with listening(api, job, seen[-1].id) as stream:
        seen += until(stream, lambda one: one.kind == "history")
    with listening(api, job, seen[-1].id) as stream:
        rest = until(stream, lambda one: one.kind == "end")
    seen += rest
    history = [one.data for one in seen if one.kind == "history"]
    assert history == api.get(f"/jobs/{job.id}/events").json()["items"]
    assert [one["kind"] for one in history] == ["created", "started", "succeeded"]
    assert rest[-1].data == {"state": "succeeded"}
    last = max(one.id for one in seen if one.id)
    assert api.get(f"/jobs/{job.id}/stream", headers={"Last-Event-ID": str(last)}).status_code == 204


def test_progress_comes_while_the_job_runs(stack: Stack, api: httpx.Client, ada: User) -> None:
    start_web(stack)
    stack.worker()
    job = nap.enqueue(Nap(seconds=3), owner=ada)
    with listening(api, job) as stream:
        heard = until(stream, lambda one: one.kind == "end")
    told = [one.data["current"] for one in heard if one.kind == "progress"]
    assert len(told) >= 2
    assert told == sorted(set(told))


def test_a_stream_breaks_off_in_time_and_asks_the_client_to_come_again(
    stack: Stack, api: httpx.Client, ada: User
) -> None:
    start_web(stack, TEST_STREAM_SECONDS="4")
    job = echo.enqueue(Echo(text="a"), owner=ada)
    began = time.monotonic()
    with listening(api, job) as stream:
        heard = list(stream)
    assert 2.5 <= time.monotonic() - began <= 30
    assert heard[0].retry == 1_000
    assert [one.kind for one in heard if one.kind] == ["history"]


def test_streams_leave_half_of_the_threads_to_others(stack: Stack, api: httpx.Client, ada: User) -> None:
    start_web(stack, WEB_THREADS="4")
    job = echo.enqueue(Echo(text="a"), owner=ada)

    def crowded() -> bool:
        with listening(api, job) as stream:
            first, second = next(stream), next(stream)
        assert second.kind == "history"
        return first.retry == 5_000

    with listening(api, job) as one, listening(api, job) as other:
        next(one), next(other)
        assert crowded(), "a third one has no place, and says what there is"
        assert api.get("/jobs").status_code == 200
    wait_for(lambda: not crowded(), 30, what="places of clients that have gone are free")


def test_a_stream_ends_with_its_job(stack: Stack, api: httpx.Client, ada: User) -> None:
    start_web(stack)
    job = echo.enqueue(Echo(text="a"), owner=ada)
    with listening(api, job) as stream:
        until(stream, lambda one: one.kind == "history")
        Job.objects.get(id=job.id).delete()
        assert [one.kind for one in stream if one.kind] == []
    assert api.get(f"/jobs/{job.id}/stream").status_code == 404


@pytest.mark.parametrize("number", ["-1", "x", str(2**63), "1" * 40])
def test_a_place_that_is_none_is_refused(stack: Stack, api: httpx.Client, ada: User, number: str) -> None:
    start_web(stack)
    job = echo.enqueue(Echo(text="a"), owner=ada)
    answer = api.get(f"/jobs/{job.id}/stream", headers={"Last-Event-ID": number})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_header")
    assert Job.objects.get().state == State.QUEUED
