"""Beat's real process."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from devstack.server import Server
from jobs.models import Job
from jobs.states import Reason, State
from schedules import services
from schedules.rules import Every
from tests.integration.conftest import Stack
from tests.integration.test_schedules_sync import HOURLY
from tests.polling import wait_for

# Due each second; what is not begun within ten is late.
SECONDLY = replace(HOURLY, name="test.secondly", rule=Every(timedelta(seconds=1)), expires=timedelta(seconds=10))


def slots() -> list[str]:
    return sorted(Job.objects.filter(schedule="test.secondly").values_list("slot", flat=True))


def wait_for_slots(number: int) -> None:
    wait_for(lambda: len(slots()) >= number, 30, what=f"{number} jobs of the schedule")


def due_in(seconds: int) -> Every:
    """An interval of a minute or more whose next beginning is in so many seconds, or a few more."""
    moment = int(time.time()) + seconds
    while True:
        for period in range(60, 600):
            if moment % period == 0:
                return Every(timedelta(seconds=period))
        moment += 1


@pytest.mark.covers(4)
def test_an_entry_that_is_due_in_a_moment_gives_exactly_one_job_which_runs(stack: Stack) -> None:
    stack.worker()
    stack.beat()
    services.create(replace(SECONDLY, rule=due_in(6), expires=timedelta(minutes=5)), None)
    wait_for_slots(1)
    job = Job.objects.get(schedule="test.secondly")
    assert stack.ended([job], 30)[job.id].state == State.SUCCEEDED
    assert len(slots()) == 1


@pytest.mark.covers(21)
def test_a_worker_that_was_stopped_for_five_turns_does_not_run_all_of_them(stack: Stack) -> None:
    worker = stack.worker()
    worker.pause()
    services.create(replace(SECONDLY, expires=timedelta(seconds=1)), None)
    beat = stack.beat()
    wait_for_slots(5)
    beat.kill()
    # Killed between a commit and its push, Beat leaves a job without a message: that is the relay's to send.
    stack.relay()
    jobs = list(Job.objects.all())
    worker.resume()
    ended = Counter((job.state, job.reason) for job in stack.ended(jobs, 30).values())
    # Two slots can be younger than a second when the worker goes on.
    assert ended[State.SUCCEEDED, ""] <= 2
    assert ended[State.CANCELLED, Reason.EXPIRED] == len(jobs) - ended[State.SUCCEEDED, ""] >= 3


@pytest.mark.covers(29)
def test_beat_shows_that_it_ticks_and_ends_when_told(stack: Stack) -> None:
    beat = stack.beat()
    file = Path((beat.environment or {})["HEALTH_DIR"], "beat")
    wait_for(file.exists, 30, what="Beat's file")
    touched = file.stat().st_mtime
    wait_for(lambda: file.stat().st_mtime > touched, 15, what="Beat's file touched again")
    beat.send(signal.SIGTERM)
    assert beat.wait(30)


@contextmanager
def away(*servers: Server) -> Iterator[None]:
    """The servers are stopped inside the block, and so is what this process had to do with them."""
    for server in servers:
        server.stop()
    try:
        yield
    finally:
        for server in servers:
            server.start()
        connection.close()


def test_beat_lives_through_an_outage_of_both_servers(stack: Stack) -> None:
    services.create(SECONDLY, None)
    beat = stack.beat()
    wait_for(slots, 30, what="a job before the outage")
    with away(stack.redis):
        with away(stack.postgres):
            wait_for(lambda: "database unreachable" in beat.log.read_text(), 30, what="Beat noticing")
        before = len(slots())
        wait_for(lambda: len(slots()) > before, 30, what="a job made without a broker")
    assert beat.running
