"""What follows from a queue's time limit, whatever an operator sets it to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config.queues import FINISH_MARGIN, RELEASE_MARGIN, Lane, Queue

LANES = [
    *(pytest.param(queue.lane, id=queue.value) for queue in Queue),
    pytest.param(Queue.DEFAULT.lane.override(concurrency=1, time_limit=1, grace=None), id="shortest limit"),
    pytest.param(Queue.HEAVY.lane.override(concurrency=50, time_limit=86_400, grace=None), id="a day"),
    pytest.param(Queue.HEAVY.lane.override(concurrency=None, time_limit=None, grace=60), id="shorter grace"),
    pytest.param(Queue.HEAVY.lane.override(concurrency=None, time_limit=None, grace=36_000), id="longer grace"),
]


@pytest.mark.covers(55, 100)
@pytest.mark.parametrize("lane", LANES)
def test_each_limit_leaves_room_for_the_one_before(lane: Lane) -> None:
    """The service ends first, then Celery's child, then the pod; the broker gives the message out after all of them."""
    assert lane.time_limit + FINISH_MARGIN <= lane.hard_limit, "a finish must outlast a minute without the database"
    assert lane.grace_period > RELEASE_MARGIN, "a draining worker must have time to give its jobs back"
    assert lane.visibility_timeout > lane.hard_limit + lane.grace_period, "a message comes back while its task runs"


@pytest.mark.covers(55)
@pytest.mark.parametrize("queue", list(Queue))
def test_a_pod_waits_for_every_attempt_unless_an_operator_says_otherwise(queue: Queue) -> None:
    assert queue.lane.grace_period > queue.lane.hard_limit


def test_what_an_operator_leaves_out_is_the_queues_own() -> None:
    lane = Queue.IO.lane
    assert lane.override(concurrency=None, time_limit=None, grace=None) == lane
    assert lane.override(concurrency=3, time_limit=7, grace=90) == replace(lane, concurrency=3, time_limit=7, grace=90)


def test_every_queue_says_what_it_is_for_and_what_never_belongs_in_it() -> None:
    assert len(Queue) >= 4
    for queue in Queue:
        assert queue.lane.purpose
        assert queue.lane.never
        assert queue.value.isidentifier(), "it is part of Redis keys, Kubernetes names and labels"


def test_plain_tasks_stay_off_pools_that_cannot_be_timed_out() -> None:
    assert {queue for queue in Queue if not queue.lane.takes_plain_tasks} == {Queue.IO}
