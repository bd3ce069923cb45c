"""Runways from another system, which has bad days."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.models import User
from config.queues import Queue
from examples import outside
from examples.runways import services
from examples.runways.models import Feed, Runway
from examples.runways.schemas import SyncRequest
from examples.runways.tasks import sync_runways
from jobs.models import Job
from jobs.orders import QuotaExceeded
from jobs.policies import Transient
from jobs.running import RunningJob
from jobs.states import Reason, State
from tests.examples.servers import Answer, OtherSystem, running
from tests.integration.conftest import Stack
from tests.polling import wait_for

Run = Callable[..., Job]
Attempt = Callable[..., RunningJob]

pytestmark = pytest.mark.django_db

REQUEST = SyncRequest(feed="faa")
PAGES = 4
PER_PAGE = 3


class Runways(OtherSystem):
    """PAGES pages of runways, each with the cursor of the next. `bad_days` are answers in the place of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.bad_days: dict[int, list[Answer]] = {}

    def usual(self, path: str) -> Answer:
        page = int(parse_qs(urlsplit(path).query).get("cursor", ["1"])[0])
        if instead := self.bad_days.get(page):
            return instead.pop(0)
        return Answer(body=json.dumps(self.page(page)).encode())

    def page(self, number: int) -> dict[str, Any]:
        ids = range((number - 1) * PER_PAGE, number * PER_PAGE)
        items = [{"id": f"r{n}", "airport": "JFK", "name": f"{n:02}L", "length": 3000 + n, "lit": True} for n in ids]
        return {"items": items, "next": str(number + 1) if number < PAGES else None}

    def fetched(self) -> list[int]:
        """The numbers of the pages that were asked for, in order."""
        return [int(parse_qs(urlsplit(asked.path).query).get("cursor", ["1"])[0]) for asked in self.asked]


@pytest.fixture
def source() -> Any:
    outside.breaker_of.cache_clear()
    with running(Runways()) as system:
        yield system


@pytest.fixture
def feed(source: Runways, request: pytest.FixtureRequest) -> Feed:
    request.getfixturevalue("transactional_db" if "stack" in request.fixturenames else "db")
    return Feed.objects.create(name="faa", url=f"{source.url}/runways?of=usa", token="t0ken")


def lengths() -> list[int]:
    return sorted(Runway.objects.values_list("length", flat=True))


ALL = [3000 + n for n in range(PAGES * PER_PAGE)]


@pytest.mark.covers(27)
def test_a_sync_reads_every_page_once_and_stores_its_rows(feed: Feed, source: Runways, run: Run) -> None:
    job = run(sync_runways, REQUEST)
    assert (job.state, job.result) == (State.SUCCEEDED, {"cursor": None, "pages": 4, "runways": 12, "done": True})
    assert (source.fetched(), lengths()) == ([1, 2, 3, 4], ALL)
    assert {asked.headers["Authorization"] for asked in source.asked} == {"Bearer t0ken"}
    assert source.asked[1].path == "/runways?of=usa&cursor=2"


@pytest.mark.covers(27, 101)
def test_a_page_that_fails_twice_is_tried_again_and_no_page_before_it(
    stack: Stack, feed: Feed, source: Runways, alice: User
) -> None:
    source.bad_days[2] = [Answer(503, headers={"Retry-After": "0"}), Answer(500, headers={"Retry-After": "0"})]
    stack.worker(Queue.IO)
    stack.relay()
    job = sync_runways.enqueue(REQUEST, owner=alice)
    ended = stack.ended([job], 30)[job.id]
    assert (ended.state, ended.attempt, ended.failures) == (State.SUCCEEDED, 3, 2), ended.error
    assert (source.fetched(), lengths()) == ([1, 2, 2, 2, 3, 4], ALL)


@pytest.mark.covers(27, 101)
def test_a_sync_whose_worker_is_killed_goes_on_at_its_page(
    stack: Stack, feed: Feed, source: Runways, alice: User
) -> None:
    source.bad_days[3] = [Answer(waits=(answers := threading.Event()))]
    worker = stack.worker(Queue.IO)
    stack.relay()
    job = sync_runways.enqueue(REQUEST, owner=alice)
    wait_for(lambda: source.fetched() == [1, 2, 3], 30, what="the third page was asked for")
    worker.send(signal.SIGKILL)
    answers.set()
    stack.worker(Queue.IO)
    ended = stack.ended([job], 30)[job.id]
    assert (ended.state, ended.losses) == (State.SUCCEEDED, 1), ended.error
    assert (source.fetched(), lengths()) == ([1, 2, 3, 3, 4], ALL)


def test_a_second_sync_changes_what_has_changed_and_adds_nothing(feed: Feed, source: Runways, run: Run) -> None:
    run(sync_runways, REQUEST)
    Runway.objects.filter(source_id="r0").update(length=1)
    run(sync_runways, REQUEST)
    assert lengths() == ALL


@pytest.mark.parametrize(
    ("answer", "state", "error"),
    [
        (Answer(401), State.DEAD, "answered 401"),
        (Answer(body=b"<html>Sorry</html>"), State.SCHEDULED, "answered with no page of runways"),
        (Answer(body=b'{"items": [{"id": 1}], "next": null}'), State.SCHEDULED, "answered with no page of runways"),
        (Answer(body=b'{"items": [], "next": "2"}'), State.SCHEDULED, "leads from a page to the same page"),
        (Answer(body=b" " * 2_000), State.DEAD, "answered with more than 1000 bytes"),
    ],
    ids=["refused", "a page for people", "a row at fault", "a circle", "too large"],
)
def test_an_answer_that_is_no_page_stores_nothing(
    feed: Feed, source: Runways, run: Run, monkeypatch: pytest.MonkeyPatch, answer: Answer, state: State, error: str
) -> None:
    monkeypatch.setattr(services, "PAGE_MAX", 1_000)
    source.bad_days[2] = [answer]
    job = run(sync_runways, REQUEST)
    assert job.state == state
    assert error in job.error
    assert (job.checkpoint["cursor"], lengths()) == ("2", ALL[:3])


def test_a_sync_out_of_time_leaves_the_rest_to_another_attempt(
    feed: Feed, source: Runways, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = attempt(sync_runways, REQUEST)
    monkeypatch.setattr(outside, "TIMEOUT", job.remaining + 1)
    with pytest.raises(Transient) as raised:
        services.sync_runways(REQUEST, job)
    assert (raised.value.retry_after, source.asked) == (0, [])


def test_a_feed_that_nobody_has_entered_is_nothing_to_do(run: Run) -> None:
    assert run(sync_runways, SyncRequest(feed="none")).reason == Reason.GONE


@pytest.mark.covers(111)
def test_nobody_asks_for_two_syncs_at_once(feed: Feed, alice: User) -> None:
    sync_runways.enqueue(REQUEST, owner=alice)
    with pytest.raises(QuotaExceeded):
        sync_runways.enqueue(REQUEST, owner=alice)
