"""What a worker makes of messages that it does not expect, and of its own start."""

from __future__ import annotations

import base64
import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from config.queues import Queue
from jobs import broker
from jobs.states import State
from tests.integration.conftest import Stack
from tests.polling import wait_for
from tests.testapp.models import Run
from tests.testapp.tasks import Echo, Module, Nap, echo, has_imported, nap_on, plain

# But for Celery's advice against running as root, which a test runner's container cannot follow, and for connections of
# threads that end with their process.
EVERY_WARNING = "error,ignore:You're running the worker with superuser privileges,ignore::ResourceWarning"


def unreadable(base: dict[str, Any]) -> dict[str, bytes]:
    """What somebody else might push, each wrong in one place, by what is wrong with it."""
    headers, properties = base["headers"], base["properties"]
    parts: dict[str, Any] = {
        "no properties": {name: value for name, value in base.items() if name != "properties"},
        "no delivery tag": base | {"properties": {**properties, "delivery_tag": None}},
        "no routing key": base | {"properties": {**properties, "delivery_info": {}}},
        "a body that is no text": base | {"body": base64.b64encode(b"\xff\xfe").decode()},
        "a body that is no base64": base | {"body": "no base64"},
        "a body of half a quartet": base | {"body": "abcde"},
        "a body that is no JSON": base | {"body": base64.b64encode(b"[").decode()},
        "a body that is a number": base | {"body": base64.b64encode(b"7").decode()},
        "no headers": base | {"headers": None},
        "headers that are a list": base | {"headers": ["task", "id"]},
        "a task that is a list": base | {"headers": {**headers, "task": [1]}},
        "no id": base | {"headers": {name: value for name, value in headers.items() if name != "id"}},
        "a time to run that is none": base | {"headers": {**headers, "eta": "soon"}},
        "a time to expire that is none": base | {"headers": {**headers, "expires": "late"}},
        "limits that are none": base | {"headers": {**headers, "timelimit": 7}},
        "no known compression": base | {"headers": {**headers, "compression": "zip"}},
    }
    return {
        "no JSON": b"hello",
        "no UTF-8": b"\xff\xfe",
        "a number": b"7",
        "null": b"null",
        "a list": b"[]",
        "JSON too deep to read": b"[" * 100_000,
        "a value that kombu cannot revive": b'{"__type__": "decimal", "__value__": "much"}',
        **{name: json.dumps(part).encode() for name, part in parts.items()},
    }


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


@pytest.mark.covers(85)
def test_a_pickled_message_is_set_aside_unread_and_the_worker_goes_on(stack: Stack, tmp_path: Path) -> None:
    plain.delay()
    exploded = tmp_path / "exploded"
    body = base64.b64encode(pickle.dumps(((Bomb(exploded),), {}, {}))).decode()
    with stack.redis.client() as client:
        message = json.loads(client.rpop("default"))
        message |= {"body": body, "content-type": "application/x-python-serialize", "content-encoding": "binary"}
        client.lpush("default", json.dumps(message))
    worker = stack.worker()
    job = echo.enqueue(Echo(text="ab"))
    assert stack.ended([job], 30)[job.id].state == State.SUCCEEDED
    wait_for(lambda: stack.messages() == stack.in_flight() == 0, 30, what="the message is gone")
    assert "ContentDisallowed" in worker.log.read_text()
    assert [one.task for one in broker.unknown("default")] == [plain.name]
    assert not exploded.exists()
    assert Run.objects.count() == 0


@pytest.mark.parametrize("queue", [Queue.DEFAULT, Queue.IO])
def test_messages_that_cannot_be_read_are_set_aside_and_the_worker_goes_on(stack: Stack, queue: Queue) -> None:
    nap_on[queue].enqueue(Nap())
    with stack.redis.client() as client:
        broken = unreadable(json.loads(client.rpop(queue)))
        for text in broken.values():
            client.lpush(queue, text)
        worker = stack.worker(queue)
        job = nap_on[queue].enqueue(Nap())
        assert stack.ended([job], 30)[job.id].state == State.SUCCEEDED
        wait_for(lambda: stack.messages(queue) == stack.in_flight(queue) == 0, 30, what="no message is left")
        kept = client.lrange(f"unknown:{queue}", 0, -1)
    assert worker.running
    assert {name for name, text in broken.items() if text.decode(errors="replace") not in kept} == set()


@pytest.mark.parametrize("seconds", [2, 8], ids=["while it is away", "after its return"])
def test_an_acknowledgement_outlives_the_connection_to_redis(stack: Stack, seconds: float) -> None:
    """Else the task would run again when its visibility timeout has passed."""
    stack.worker()
    plain.delay(seconds)
    wait_for(lambda: stack.in_flight() == 1, 30, what="the task was taken")
    stack.redis.stop()
    if seconds == 2:
        wait_for(lambda: Run.objects.count() == 1, 30, what="the task has ended")
    stack.redis.start()
    wait_for(lambda: Run.objects.count() == 1, 30, what="the task has ended")
    wait_for(lambda: stack.messages() == stack.in_flight() == 0, 30, what="its message is gone")
    plain.delay()
    wait_for(lambda: Run.objects.count() == 2, 30, what="the worker goes on")


def test_a_worker_loads_nothing_that_only_answers_http(stack: Stack) -> None:
    """A quarter of its start, and memory in each of its children."""
    stack.worker()
    loaded = {name: has_imported.enqueue(Module(name=name)) for name in ("config.celery", "config.urls", "gunicorn")}
    ended = stack.ended(loaded.values(), 30)
    assert {name: ended[job.id].result for name, job in loaded.items()} == {
        "config.celery": True,
        "config.urls": False,
        "gunicorn": False,
    }


@pytest.mark.covers(126)
@pytest.mark.parametrize("queue", [Queue.DEFAULT, Queue.IO])
def test_a_worker_starts_works_and_stops_without_a_warning(stack: Stack, queue: Queue) -> None:
    """Deprecations of Python, Django and Celery are errors here, before they are errors anywhere else."""
    worker = stack.worker(queue, PYTHONWARNINGS=EVERY_WARNING)
    job = nap_on[queue].enqueue(Nap())
    assert stack.ended([job], 30)[job.id].state == State.SUCCEEDED
    worker.stop()
    assert worker.exit_code == 0
    assert re.findall(r"(?i)^.*(?:warning|deprecat).*$", worker.log.read_text(), re.MULTILINE) == []


@pytest.mark.covers(129)
def test_what_was_done_in_a_transaction_is_kept_through_a_restart_of_redis(stack: Stack) -> None:
    """Redis reads its log as the user `default`, and leaves out transactions with something that this may not do."""
    with stack.redis.client() as client:
        client.hset("unacked:default", "given back", "entry")
        client.pipeline().hdel("unacked:default", "given back").lpush("default", "message").execute()
    stack.redis.stop()
    stack.redis.start()
    assert (stack.messages(), stack.in_flight()) == (1, 0)
    assert "CRITICAL" not in stack.redis.log.read_text()
