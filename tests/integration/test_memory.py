"""A job or task that asks for more memory than its child may have, on real workers with the prefork pool."""

from __future__ import annotations

import pytest
from celery import Task

from devstack.processes import Process
from jobs.execution import claim
from jobs.guard import Ended, settle
from jobs.models import Job, JobEvent
from jobs.states import EventKind, Reason, State
from tests.integration.conftest import Stack
from tests.polling import wait_for
from tests.testapp.models import Run
from tests.testapp.tasks import Echo, Greed, echo, greedy, plain, plain_greedy, plain_greedy_afterwards

# Of a worker with two children, three shares of 160 MiB.
LIMIT = str(3 * 160 * 2**20)


def limited_worker(stack: Stack) -> Process:
    return stack.worker(WORKER_MEMORY_LIMIT=LIMIT)


@pytest.mark.covers(69)
@pytest.mark.parametrize("step", [1, 1_000], ids=["step by step", "all at once"])
def test_a_greedy_job_is_dead_after_three_losses_and_its_worker_lives(stack: Stack, step: int) -> None:
    worker = limited_worker(stack)
    before = worker.pid
    job = greedy.enqueue(Greed(megabytes=1_000, step=step))
    ended = stack.ended([job], 30)[job.id]
    assert (ended.state, ended.reason, ended.losses, ended.failures) == (State.DEAD, Reason.MEMORY, 3, 0)
    assert ended.error == "the attempt ran out of memory, 3 times"
    assert JobEvent.objects.filter(job=job, kind=EventKind.LOST).count() == 2
    after = echo.enqueue(Echo(text="ab"))
    assert stack.ended([after], 30)[after.id].state == State.SUCCEEDED
    assert (worker.running, worker.pid) == (True, before)


def test_a_job_within_its_share_is_not_bothered(stack: Stack) -> None:
    limited_worker(stack)
    job = greedy.enqueue(Greed(megabytes=30))
    ended = stack.ended([job], 30)[job.id]
    assert (ended.state, ended.losses) == (State.SUCCEEDED, 0), ended.error


def test_a_child_that_was_once_at_its_limit_is_replaced_after_its_job(stack: Stack) -> None:
    worker = limited_worker(stack)
    job = greedy.enqueue(Greed(megabytes=1_000))
    stack.ended([job], 30)
    used = set(Run.objects.filter(job_id=job.id).values_list("attempt", flat=True))
    wait_for(lambda: not used & set(stack.children(worker)), 30, what="its children were replaced")
    assert Job.objects.get(id=job.id).reason == Reason.MEMORY


@pytest.mark.covers(69)
@pytest.mark.parametrize(("task", "arguments"), [(plain_greedy, [1_000]), (plain_greedy_afterwards, [])])
def test_a_greedy_plain_task_fails_and_its_worker_goes_on(stack: Stack, task: Task, arguments: list[int]) -> None:
    worker = limited_worker(stack)
    task.apply_async(arguments)
    wait_for(lambda: "OutOfMemory" in worker.log.read_text(), 30, what="the task failed")
    plain.delay()
    wait_for(Run.objects.filter(ended=True).exists, 30, what="the next task ran")
    assert worker.running
    wait_for(lambda: stack.in_flight() == 0, 30, what="both were acknowledged")


@pytest.mark.django_db
def test_an_attempt_without_memory_to_say_how_it_ended_is_a_loss() -> None:
    claimed = claim(echo.enqueue(Echo(text="ab")).id)
    assert claimed is not None
    settle(Ended(f"{claimed.id}.1", claimed.pid, Reason.MEMORY), claimed.worker)
    job = Job.objects.get(id=claimed.id)
    assert (job.state, job.reason, job.losses) == (State.QUEUED, Reason.MEMORY, 1)


def test_a_worker_whose_children_could_do_no_work_does_not_start(stack: Stack) -> None:
    worker = stack.worker(ready=False, WORKER_MEMORY_LIMIT=str(100 * 2**20))
    assert worker.wait(30)
    assert worker.exit_code == 1
    assert "WORKER_MEMORY_LIMIT leaves each child 33 MiB" in worker.log.read_text()
