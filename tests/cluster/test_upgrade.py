"""Another image while jobs run and clients ask: nothing is lost, done twice or refused."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass

import httpx
import pytest

from deploy.kind import release, token
from deploy.kind.names import URL
from tests.cluster.conftest import HERE, Images
from tests.cluster.stack import Stack, Trace, done_exactly_once, new_batch

LONG = 5
# Requests and short jobs a second.
RATE, JOBS = 10, 4


@dataclass(frozen=True)
class Change:
    """What a change of the image met."""

    answers: Counter[str]
    short: int
    traces: list[Trace]
    long: list[Trace]
    generation: str
    seconds: float


@contextmanager
def clients() -> Iterator[Counter[str]]:
    """RATE requests a second, each on a connection of its own; how they were answered."""
    answers: Counter[str] = Counter()
    stopped = threading.Event()
    headers = {"Authorization": f"Bearer {token.FILE.read_text()}"}

    def ask() -> None:
        try:
            answer = httpx.get(f"{URL}/api/v1/jobs?limit=1", headers=headers, timeout=15, trust_env=False)
            answers[str(answer.status_code)] += 1
        except httpx.HTTPError as error:
            answers[repr(error)] += 1

    def keep_asking() -> None:
        with ThreadPoolExecutor(20) as pool:
            while not stopped.wait(1 / RATE):
                pool.submit(ask)

    thread = threading.Thread(target=keep_asking)
    thread.start()
    try:
        yield answers
    finally:
        stopped.set()
        thread.join()


@contextmanager
def submitting(batch: str) -> Iterator[list[str]]:
    """JOBS short jobs a second, through everything that happens meanwhile; their ids. None may be refused."""
    accepted: list[str] = []
    stopped = threading.Event()

    def keep_submitting() -> None:
        while not stopped.wait(1 / JOBS):
            # A connection that is kept may be closed at the moment in which it is used again.
            with closing(token.api()) as api:
                accepted.append(api.submit("probe.work_default", {"batch": batch, "seconds": 0.3})["id"])

    with ThreadPoolExecutor(1) as pool:
        submitted = pool.submit(keep_submitting)
        try:
            yield accepted
        finally:
            stopped.set()
            submitted.result()


def under_load(stack: Stack, change: Callable[[], None]) -> Change:
    """Change the image while LONG long jobs run and short ones come all the time."""
    short = new_batch("short")
    with clients() as answers:
        long = stack.submit("heavy", LONG, seconds=45)
        stack.wait_begun(long, 2)
        with submitting(short) as accepted:
            began = time.monotonic()
            change()
            seconds = time.monotonic() - began
        stack.wait_ended(short, len(accepted), within=180)
        stack.wait_ended(long, LONG, within=240)
    last = stack.submit("default")
    stack.wait_ended(last, 1, within=60)
    [newest, _] = stack.traces(last)
    return Change(answers, len(accepted), stack.traces(short), stack.traces(long), newest.generation, seconds)


@pytest.fixture(scope="module")
def upgraded(stack: Stack, images: Images) -> Change:
    return under_load(stack, lambda: release.install(images.two, HERE / "values.yaml"))


@pytest.fixture(scope="module")
def rolled_back(stack: Stack, upgraded: Change) -> Change:
    return under_load(stack, lambda: release.roll_back(release.revision() - 1))


@pytest.fixture(params=["upgraded", "rolled_back"])
def change(request: pytest.FixtureRequest, upgraded: Change) -> Change:
    changed: Change = request.getfixturevalue(request.param)
    return changed


@pytest.mark.covers(76)
def test_every_job_is_done_exactly_once(change: Change) -> None:
    assert change.short >= 20
    done_exactly_once(change.traces, change.short)
    done_exactly_once(change.long, LONG)


@pytest.mark.covers(71, 76)
def test_every_request_is_answered(change: Change, figures: dict[str, str]) -> None:
    figures[f"requests answered while the image became generation {change.generation}"] = (
        f"{change.answers.total()} in {change.seconds:.0f} s of helm and the rest of the jobs"
    )
    assert change.answers.total() >= 100
    assert set(change.answers) == {"200"}


@pytest.mark.covers(76)
def test_the_new_image_runs_afterwards(upgraded: Change, rolled_back: Change) -> None:
    assert (upgraded.generation, rolled_back.generation) == ("two", "one")
