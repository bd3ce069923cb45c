"""Worker sets follow their own queue, out and in, and running jobs keep their workers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.cluster.polling import wait_for
from tests.cluster.stack import MINIMUM, Stack, done_exactly_once
from tests.cluster.timeline import Timeline

# Seconds until an idle set is smaller: the window that values give, and a look of the autoscaler's.
WINDOW = 60


@dataclass(frozen=True)
class Thirty:
    """30 slow jobs on `default`; when it has scaled out, load on `io` and `heavy` too, and `io` scaled in by hand."""

    timeline: Timeline
    slow: str
    began_at: float
    ended_at: float
    loaded_at: float
    by_hand: str
    scaled_in: set[str]


@pytest.fixture(scope="module")
def timeline(stack: Stack) -> Iterator[Timeline]:
    with Timeline(stack.kube).followed() as line:
        yield line


@pytest.fixture(scope="module")
def thirty(stack: Stack, timeline: Timeline) -> Thirty:
    stack.settle()
    began_at = time.time()
    slow = stack.submit("default", 30, seconds=8)
    stack.wait_ended(slow, 10, within=120)
    loaded_at = time.time()
    by_hand = stack.submit("io", 40, seconds=25)
    stack.submit("heavy", 6, seconds=15)
    stack.wait_begun(by_hand, 1, within=180)
    wait_for(lambda: len(stack.kube.ready("worker", "io")) >= 2, 120, what="two replicas of io")
    scaled_in = scale_in_by_hand(stack, "io")
    ended_at = stack.wait_ended(slow, 30, within=180)
    wait_for(
        lambda: timeline.first_wanted("default", MINIMUM["default"], ended_at) is not None, 150, what="the minimum"
    )
    time.sleep(max(0.0, loaded_at + 60 - time.time()))
    return Thirty(timeline, slow, began_at, ended_at, loaded_at, by_hand, scaled_in)


def scale_in_by_hand(stack: Stack, name: str) -> set[str]:
    """Ask for one replica, and wait until pods that worked are going. The autoscaler may bring others at once."""
    before = {pod.metadata.name for pod in stack.kube.ready("worker", name)}
    stack.kube.scale(f"worker-{name}", 1)
    return wait_for(
        lambda: before - {pod.metadata.name for pod in stack.kube.pods("worker", name)},
        15,
        what=f"one of {sorted(before)} is going",
    )


@pytest.mark.covers(2, 72)
def test_30_slow_jobs_bring_a_second_ready_replica_within_30_seconds(thirty: Thirty, figures: dict[str, str]) -> None:
    seconds = thirty.timeline.first_ready("default", 2, thirty.began_at)
    assert seconds is not None
    figures["seconds from 30 slow jobs to the second ready replica"] = f"{seconds:.0f}"
    assert seconds <= 30


@pytest.mark.covers(72)
def test_30_slow_jobs_are_done_once_each(stack: Stack, thirty: Thirty) -> None:
    done_exactly_once(stack.traces(thirty.slow), 30)


@pytest.mark.covers(72)
def test_the_set_is_back_at_its_minimum_within_90_seconds(thirty: Thirty, figures: dict[str, str]) -> None:
    seconds = thirty.timeline.first_wanted("default", MINIMUM["default"], thirty.ended_at)
    assert seconds is not None
    figures["seconds from the last of them to the minimum"] = f"{seconds:.0f}"
    assert seconds <= 90


@pytest.mark.covers(60, 62)
def test_load_on_the_others_leaves_a_queues_set_at_its_minimum(thirty: Thirty) -> None:
    end = thirty.loaded_at + 60
    assert max(thirty.timeline.wanted("io", thirty.loaded_at, end)) >= 2, "there was no load to speak of"
    assert set(thirty.timeline.wanted("critical", thirty.began_at, end)) == {MINIMUM["critical"]}


@pytest.mark.covers(76)
def test_scaling_in_by_hand_under_load_loses_nothing(stack: Stack, thirty: Thirty) -> None:
    assert thirty.scaled_in
    stack.wait_ended(thirty.by_hand, 40, within=240)
    done_exactly_once(stack.traces(thirty.by_hand), 40)


@dataclass(frozen=True)
class Fifty:
    """50 short jobs on `default`, 10 long ones behind them, beside one of 180 s on `heavy`, which has nothing else."""

    timeline: Timeline
    long: str
    submitted_at: float
    lonely: str
    lonely_ended_at: float


@pytest.fixture(scope="module")
def fifty(stack: Stack, timeline: Timeline, thirty: Thirty) -> Fifty:
    lonely = stack.submit("heavy", seconds=180)
    stack.wait_begun(lonely, 1)
    stack.settle("default")
    submitted_at = time.time()
    short = stack.submit("default", 50, seconds=8)
    wait_for(lambda: timeline.first_ready("default", 5, submitted_at) is not None, 120, what="five replicas")
    # Those that are left and the long ones are never more than fifty, and keep every slot busy.
    stack.wait_ended(short, 20, within=120)
    long = stack.submit("default", 10, seconds=100)
    stack.wait_ended(short, 50, within=240)
    stack.wait_ended(long, 10, within=240)
    return Fifty(timeline, long, submitted_at, lonely, stack.wait_ended(lonely, 1, within=200))


@pytest.mark.covers(72)
def test_50_jobs_at_10_per_replica_bring_5_replicas(fifty: Fifty, figures: dict[str, str]) -> None:
    seconds = fifty.timeline.first_ready("default", 5, fifty.submitted_at)
    assert seconds is not None
    figures["seconds from 50 jobs to 5 ready replicas"] = f"{seconds:.0f}"
    assert max(fifty.timeline.wanted("default", fifty.submitted_at, time.time())) == 5


@pytest.mark.covers(72)
def test_with_the_list_empty_and_10_running_5_replicas_stay(stack: Stack, fifty: Fifty) -> None:
    traces = stack.traces(fifty.long)
    all_taken = max(trace.at for trace in traces if not trace.ended)
    first_end = min(trace.at for trace in traces if trace.ended)
    assert first_end - all_taken > WINDOW + 20, "shorter than the window in which a set never shrinks"
    assert set(fifty.timeline.wanted("default", all_taken, first_end)) == {5}
    done_exactly_once(traces, 10)


@pytest.mark.covers(72, 76)
def test_a_job_of_180_seconds_keeps_its_worker_though_its_queue_is_empty(stack: Stack, fifty: Fifty) -> None:
    traces = stack.traces(fifty.lonely)
    done_exactly_once(traces, 1)
    began_at = traces[0].at
    assert fifty.lonely_ended_at - began_at >= 180
    assert min(fifty.timeline.wanted("heavy", began_at, fifty.lonely_ended_at)) >= 1
    [job] = stack.jobs(fifty.lonely)
    assert (job["state"], job["attempt"]) == ("succeeded", "1")
