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
from jobs.states import State
from tests.integration.conftest import Stack
from tests.polling import wait_for
from tests.testapp.models import Run
from tests.testapp.tasks import Echo, Nap, echo, nap_on, plain

# But for Celery's advice against running as root, which a test runner's container cannot follow, and for connections of
# threads that end with their process.
EVERY_WARNING = "error,ignore:You're running the worker with superuser privileges,ignore::ResourceWarning"


NO_TEXT = base64.b64encode(b"\xff\xfe").decode()
UNREADABLE = {"no text": NO_TEXT, "no base64": "no base64", "no JSON": base64.b64encode(b"[").decode()}


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


@pytest.mark.covers(85)
def test_a_pickled_message_is_thrown_away_unread_and_the_worker_goes_on(stack: Stack, tmp_path: Path) -> None:
    plain.delay()
    exploded = tmp_path / "exploded"
    body = base64.b64encode(pickle.dumps(((Bomb(exploded),), {}, {}))).decode()
    with stack.redis.client() as client:
        message = json.loads(client.rpop("default"))
        message |= {"body": body, "content-type": "application/x-python-serialize", "content-encoding": "binary"}
        client.lpush("default", json.dumps(message))
    worker = stack.worker()
    job = echo.enqueue(Echo(text="ab"))
    assert stack.ended([job], 10)[job.id].state == State.SUCCEEDED
    wait_for(lambda: stack.messages() == stack.in_flight() == 0, 5, what="the message is gone")
    assert "ContentDisallowed" in worker.log.read_text()
    assert not exploded.exists()
    assert Run.objects.count() == 0


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_a_message_that_cannot_be_read_is_thrown_away_and_the_worker_goes_on(stack: Stack, body: str) -> None:
    plain.delay()
    with stack.redis.client() as client:
        message = json.loads(client.rpop("default"))
        client.lpush("default", json.dumps(message | {"body": body}))
    worker = stack.worker()
    job = echo.enqueue(Echo(text="ab"))
    assert stack.ended([job], 10)[job.id].state == State.SUCCEEDED
    wait_for(lambda: stack.messages() == stack.in_flight() == 0, 5, what="the message is gone")
    assert worker.running
    assert Run.objects.count() == 0


@pytest.mark.covers(126)
@pytest.mark.parametrize("queue", [Queue.DEFAULT, Queue.IO])
def test_a_worker_starts_works_and_stops_without_a_warning(stack: Stack, queue: Queue) -> None:
    """Deprecations of Python, Django and Celery are errors here, before they are errors anywhere else."""
    worker = stack.worker(queue, PYTHONWARNINGS=EVERY_WARNING)
    job = nap_on[queue].enqueue(Nap())
    assert stack.ended([job], 10)[job.id].state == State.SUCCEEDED
    worker.stop()
    assert worker.exit_code == 0
    assert re.findall(r"(?i)^.*(?:warning|deprecat).*$", worker.log.read_text(), re.MULTILINE) == []
