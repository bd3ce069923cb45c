"""Cancelling, resuming and progress, on real workers."""

from __future__ import annotations

import os
import signal

import pytest

from jobs.models import File, Job
from jobs.services import cancel
from jobs.states import Reason, State
from tests.integration.conftest import Stack
from tests.polling import wait_for
from tests.testapp.models import Run
from tests.testapp.tasks import Count, Echo, Nap, count, echo, nap


def test_a_waiting_job_is_cancelled_at_once_and_its_message_runs_nothing(stack: Stack) -> None:
    job = nap.enqueue(Nap())
    assert cancel(job.id).state == State.CANCELLED
    assert cancel(job.id).state == State.CANCELLED
    stack.worker()
    wait_for(lambda: stack.messages() == 0 and stack.in_flight() == 0, 30, what="the message was acknowledged")
    assert not Run.objects.filter(job_id=job.id).exists()
    assert [event.kind for event in job.events.all()] == ["created", "cancelled"]


def test_a_running_job_is_cancelled_at_its_next_progress_call(stack: Stack) -> None:
    stack.worker()
    job = nap.enqueue(Nap(seconds=60))
    stack.running(job)
    asked = cancel(job.id)
    assert asked.cancel_requested
    ended = stack.ended([job], 30)[job.id]
    assert (ended.state, ended.reason) == (State.CANCELLED, Reason.REQUESTED)
    assert not Run.objects.filter(job_id=job.id, ended=True).exists()
    other = echo.enqueue(Echo(text="ab"))
    assert stack.ended([other], 30)[other.id].state == State.SUCCEEDED


def test_a_cancellation_survives_the_worker_that_ran_the_job(stack: Stack) -> None:
    stack.relay()
    doomed = stack.worker()
    job = nap.enqueue(Nap(seconds=60, looks_up=False))
    stack.running(job)
    cancel(job.id)
    os.kill(doomed.pid, signal.SIGKILL)
    stack.worker()
    ended = stack.ended([job], 30)[job.id]
    assert (ended.state, ended.reason) == (State.CANCELLED, Reason.REQUESTED)
    assert Run.objects.filter(job_id=job.id).count() == 1


@pytest.mark.covers(40, 101)
def test_a_killed_job_goes_on_at_its_last_checkpoint(stack: Stack) -> None:
    stack.worker()
    job = count.enqueue(Count(to=60, seconds_each=0.1))
    wait_for(lambda: Run.objects.filter(job_id=job.id).count() >= 10, 30, what="ten steps done")
    pid = Job.objects.get(id=job.id).pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    ended = stack.ended([job], 30)[job.id]
    assert (ended.state, ended.result, ended.losses) == (State.SUCCEEDED, {"counted": 60}, 1)
    steps = list(Run.objects.filter(job_id=job.id).order_by("id").values_list("attempt", flat=True))
    assert steps == list(range(1, 61))


@pytest.mark.covers(110)
def test_progress_and_files_of_a_job_can_be_seen(stack: Stack) -> None:
    stack.worker()
    job = count.enqueue(Count(to=20, seconds_each=0.1))
    seen = wait_for(lambda: Job.objects.get(id=job.id).progress, 30, what="some progress")
    assert set(seen) == {"current", "total", "unit", "message"}
    ended = stack.ended([job], 30)[job.id]
    assert ended.progress["current"] == ended.progress["total"] == 20
    assert bytes(File.objects.get(job_id=job.id).content) == b"20"
