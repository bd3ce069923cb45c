"""Processes that are killed, frozen or eat up their memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.cluster.kube import Kube
from tests.cluster.polling import wait_for
from tests.cluster.stack import Stack, new_batch

# Seconds within which a frozen process is replaced.
FROZEN = 120


@dataclass(frozen=True)
class Frozen:
    """The main processes of a worker and of Beat, stopped at the same moment."""

    at: float
    worker: str
    beat: str
    restarts: dict[str, int]


@pytest.fixture(scope="module")
def frozen(stack: Stack) -> Frozen:
    stack.settle("critical")
    wait_for(lambda: len(stack.kube.ready("beat")) == len(stack.kube.pods("beat")) == 1, 60, what="one Beat")
    [worker], [beat] = stack.kube.ready("worker", "critical"), stack.kube.ready("beat")
    restarts = stack.kube.restarts()
    stack.kube.stop_process(worker)
    stack.kube.stop_process(beat)
    return Frozen(time.time(), f"{worker.metadata.name} worker", f"{beat.metadata.name} beat", restarts)


@pytest.mark.covers(76)
def test_a_job_whose_worker_is_force_deleted_is_finished_by_another_within_60_seconds(
    stack: Stack, frozen: Frozen, figures: dict[str, str]
) -> None:
    batch = stack.submit("default", seconds=15)
    stack.wait_begun(batch, 1)
    [began] = stack.traces(batch)
    gone_at = time.time()
    stack.kube.delete_pod(began.pod, force=True)
    seconds = stack.wait_ended(batch, 1, within=90) - gone_at
    figures["seconds until another worker had finished the job of one that was deleted by force"] = f"{seconds:.0f}"
    assert seconds <= 60
    ended = [trace for trace in stack.traces(batch) if trace.ended]
    assert [(trace.attempt, trace.pod != began.pod) for trace in ended] == [(2, True)]
    assert [job["losses"] for job in stack.jobs(batch)] == ["1"]


@pytest.mark.covers(69)
def test_a_job_that_eats_memory_is_dead_after_its_losses_and_its_pod_lives(stack: Stack, frozen: Frozen) -> None:
    stack.settle("default")
    restarts = stack.kube.restarts("worker")
    batch = new_batch("eat")
    neighbour = stack.submit("default", seconds=20)
    stack.api.submit("probe.eat", {"batch": batch})
    [job] = wait_for(
        lambda: [job for job in stack.jobs(batch) if job["state"] == "dead"], 120, what="the greedy job is dead"
    )
    assert (job["reason"], job["losses"], job["failures"]) == ("memory", "3", "0")
    assert len(stack.traces(batch)) == 3, "its body ran once for each loss"
    stack.wait_ended(neighbour, 1, within=60)
    assert [one["attempt"] for one in stack.jobs(neighbour)] == ["1"], "the job beside it was not disturbed"
    now = stack.kube.restarts("worker")
    ours = [name for name in restarts if "-worker-default-" in name]
    assert {name: now.get(name) for name in ours} == {name: restarts[name] for name in ours}


@pytest.mark.covers(62)
def test_killing_a_queues_workers_leaves_the_others_as_fast_as_before(stack: Stack, frozen: Frozen) -> None:
    batch = stack.submit("heavy", 2, seconds=15)
    stack.wait_begun(batch, 2)
    for pod in stack.kube.pods("worker", "heavy"):
        stack.kube.delete_pod(pod.metadata.name, force=True)
    others = stack.submit("default", 5)
    submitted_at = time.time()
    ended_at = stack.wait_ended(others, 5, within=60)
    assert ended_at - submitted_at <= 15
    assert {job["attempt"] for job in stack.jobs(others)} == {"1"}
    stack.wait_ended(batch, 2, within=120)


def restarted(kube: Kube, name: str, before: int) -> Callable[[], bool]:
    return lambda: kube.restarts().get(name, 0) > before


@pytest.mark.covers(29, 75)
@pytest.mark.parametrize("which", ["worker", "beat"])
def test_a_frozen_process_is_restarted_within_120_seconds(
    stack: Stack, frozen: Frozen, which: str, figures: dict[str, str]
) -> None:
    name = getattr(frozen, which)
    left = frozen.at + FROZEN - time.time()
    wait_for(restarted(stack.kube, name, frozen.restarts[name]), max(left, 1), what=f"{name} is restarted")
    figures[f"seconds within which a frozen {which} was restarted, at most"] = f"{time.time() - frozen.at:.0f}"


@pytest.mark.covers(75)
def test_a_restarted_worker_takes_jobs_again(stack: Stack, frozen: Frozen) -> None:
    batch = stack.submit("critical", 4)
    stack.wait_ended(batch, 4, within=90)
    wait_for(lambda: stack.kube.ready("beat"), 60, what="Beat is ready")
