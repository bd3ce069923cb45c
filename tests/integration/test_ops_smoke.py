"""The smoke test, on real workers."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from config.queues import Queue
from jobs.models import Job
from jobs.states import State
from ops.tasks import CANARIES
from tests.integration.conftest import Stack
from tests.polling import wait_for


def smoke(seconds: float) -> tuple[int, dict[str, str]]:
    """Its exit code, and its line for each queue."""
    said, code = StringIO(), 0
    try:
        call_command("smoke", timeout=seconds, stdout=said)
    except SystemExit as end:
        code = int(end.code or 0)
    lines = [line.split(None, 2) for line in said.getvalue().splitlines()]
    return code, {subject.rstrip(":"): f"{verdict} {rest}" for verdict, subject, rest in lines}


def start_workers(stack: Stack, *queues: Queue) -> None:
    """Start them side by side, and wait until all take messages."""
    workers = [stack.worker(queue, ready=False) for queue in queues]
    for worker in workers:
        wait_for(lambda log=worker.log: "ready." in log.read_text(), 40, what=f"{worker.name} ready")


@pytest.mark.covers(19)
def test_a_canary_comes_back_through_every_queue(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    start_workers(stack, *Queue)
    code, lines = smoke(40)
    assert caplog.messages == [], "nothing is logged beside the findings"
    assert code == 0
    assert set(lines) == {queue.value for queue in Queue}
    assert all(line.startswith("ok started after ") for line in lines.values())


@pytest.mark.covers(19)
def test_a_queue_without_a_worker_is_named_and_its_canary_is_cancelled(stack: Stack) -> None:
    start_workers(stack, Queue.CRITICAL, Queue.DEFAULT, Queue.HEAVY)
    code, lines = smoke(15)
    assert code == 1
    assert [queue for queue, line in lines.items() if not line.startswith("ok")] == ["io"]
    assert lines["io"] == ("FAULT sent, and no worker took it within 15 s; is there a worker with WORKER_QUEUE=io?")
    assert Job.objects.get(type="ops.canary.io").state == State.CANCELLED


def test_a_broker_that_is_away_is_told_from_a_worker_that_is_away(stack: Stack) -> None:
    stack.redis.stop()
    try:
        code, lines = smoke(1)
    finally:
        stack.redis.start()
    assert code == 1
    assert all(line.startswith("FAULT not sent within 1 s") for line in lines.values())


@pytest.mark.covers(124)
def test_a_worker_with_other_settings_is_named(stack: Stack) -> None:
    stack.worker(Queue.DEFAULT, FILE_MAX_BYTES="1234")
    code, lines = smoke(15)
    assert code == 1
    assert "default@" in lines["default"]
    assert "runs other queues, job types or timers" in lines["default"]


def test_canaries_cannot_be_asked_for_over_http() -> None:
    assert not any(canary.exposed for canary in CANARIES.values())
