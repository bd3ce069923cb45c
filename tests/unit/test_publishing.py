"""What cannot be sent is refused where it is sent. Nothing here reaches a broker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import kombu
import pytest
from celery.exceptions import QueueNotFound
from kombu.exceptions import EncodeError

from config.celery import LONGEST_WAIT, app, misplaced_tasks
from config.queues import Queue
from tests.testapp.tasks import plain


@pytest.fixture
def task() -> Iterator[Any]:
    """A plain task that exists for one test."""
    made: list[str] = []

    def declare(name: str, **options: Any) -> Any:
        @app.task(name=name, **options)
        def body() -> None: ...

        made.append(name)
        return body

    yield declare
    for name in made:
        app.tasks.pop(name)


@pytest.mark.covers(121)
@pytest.mark.parametrize("queue", ["defualt", "Default", "default "])
def test_a_queue_that_is_not_in_the_list_raises_at_the_call(queue: str) -> None:
    with pytest.raises(QueueNotFound):
        plain.apply_async(queue=queue)


NO_PLAIN_TASKS = "is a plain task and the queue 'io' takes none .* make it a job or name another queue"


@pytest.mark.parametrize("queue", ["io", Queue.IO, kombu.Queue("io")], ids=lambda queue: type(queue).__name__)
def test_a_plain_task_is_refused_on_a_pool_that_cannot_be_timed_out(queue: Any) -> None:
    with pytest.raises(ValueError, match=NO_PLAIN_TASKS):
        plain.apply_async(queue=queue)


def test_a_plain_task_that_was_declared_for_such_a_pool_is_refused_too(task: Any) -> None:
    declared = task("stray.waits", runs_on=Queue.IO)
    for send in (declared.delay, lambda: app.send_task("stray.waits")):
        with pytest.raises(ValueError, match=NO_PLAIN_TASKS):
            send()


WAITS = [
    {"countdown": LONGEST_WAIT + 1},
    {"countdown": 86_400},
    {"eta": datetime.now(UTC) + timedelta(hours=1)},
    {"eta": (datetime.now(UTC) + timedelta(hours=1)).isoformat()},
    {"eta": (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=None)},
]


@pytest.mark.parametrize("wait", WAITS, ids=lambda wait: next(f"{key} {type(wait[key]).__name__}" for key in wait))
def test_a_long_wait_is_refused_with_what_to_do_instead(wait: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"a message may wait at most {LONGEST_WAIT} s") as refused:
        plain.apply_async(**wait)
    assert "run_at" in str(refused.value)


def test_a_long_wait_is_refused_by_name_too() -> None:
    with pytest.raises(ValueError, match="a message may wait at most"):
        app.send_task("tests.testapp.tasks.plain", countdown=3600, queue="default")


@pytest.mark.covers(122)
def test_an_argument_that_json_cannot_hold_raises_at_the_call() -> None:
    with pytest.raises(EncodeError, match="not JSON serializable"):
        plain.delay(object())


@pytest.mark.covers(14)
def test_every_plain_task_names_a_queue_of_the_list() -> None:
    assert misplaced_tasks() == []


@pytest.mark.covers(14)
@pytest.mark.parametrize("options", [{}, {"runs_on": "io"}, {"runs_on": "elsewhere"}], ids=str)
def test_a_plain_task_without_a_queue_that_takes_it_is_named(task: Any, options: dict[str, Any]) -> None:
    task("stray.lost", **options)
    [sentence] = misplaced_tasks()
    assert sentence.startswith("the task stray.lost has the queue ")
    assert sentence.endswith("it must be runs_on=one of critical, default, heavy")
