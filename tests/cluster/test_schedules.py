"""Beat and the relay, killed and doubled: a turn makes one job, and a job is dispatched once."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from tests.cluster.polling import wait_for
from tests.cluster.stack import Stack

# Seconds between turns of the probe app's schedule.
EVERY = 10
SLOTS = 3


def turns(stack: Stack, since: float) -> list[dict[str, str]]:
    """Jobs of the schedule made since then, with how often their body ran."""
    return stack.query(
        "SELECT job.slot, job.state, job.dispatch, extract(epoch FROM job.created_at) AS at, count(trace.id) AS ran"
        " FROM jobs_job job LEFT JOIN probe_trace trace ON trace.job_id = job.id"
        f" WHERE job.schedule IS NOT NULL AND job.type = 'probe.tick' AND job.created_at > to_timestamp({since})"
        " GROUP BY job.id ORDER BY job.slot"
    )


def each_once(stack: Stack, since: float, least: int) -> None:
    """At least so many turns, each of one job that was dispatched once and ran once."""
    found: list[dict[str, str]] = []

    def all_succeeded() -> bool:
        found[:] = turns(stack, since)
        return {turn["state"] for turn in found} == {"succeeded"}

    wait_for(all_succeeded, 60, what="every turn's job has succeeded", seen=lambda _: found)
    assert len(found) >= least, found
    assert max(Counter(turn["slot"] for turn in found).values()) == 1
    assert {turn["dispatch"] for turn in found} == {"1"}
    assert {turn["ran"] for turn in found} == {"1"}


@pytest.mark.covers(23)
def test_beat_deleted_makes_its_next_turn_within_60_seconds(stack: Stack, figures: dict[str, str]) -> None:
    [beat] = stack.kube.pods("beat")
    since = time.time()
    stack.kube.delete_pod(beat.metadata.name)
    wait_for(lambda: [pod for pod in stack.kube.ready("beat") if pod.metadata.uid != beat.metadata.uid], 60,
             what="another Beat")  # fmt: skip
    ready_at = time.time()
    first = wait_for(lambda: turns(stack, ready_at), 60, what="a turn of the new Beat")
    seconds = float(first[0]["at"]) - since
    figures["seconds from the deletion of Beat to its successor's first turn"] = f"{seconds:.0f}"
    assert seconds <= 60
    each_once(stack, since, 1)


@pytest.mark.covers(23)
def test_two_beats_and_two_relays_make_one_job_per_slot_and_dispatch_it_once(stack: Stack) -> None:
    for component in ("beat", "relay"):
        stack.kube.scale(component, 2)
    try:
        for component in ("beat", "relay"):
            wait_for(lambda name=component: len(stack.kube.ready(name)) == 2, 120, what=f"two of {component}")
        since = time.time()
        batch = stack.submit("critical", 20)
        time.sleep((SLOTS + 1) * EVERY)
        each_once(stack, since, SLOTS)
        stack.wait_ended(batch, 20, within=60)
        assert {job["dispatch"] for job in stack.jobs(batch)} == {"1"}
        assert {job["attempt"] for job in stack.jobs(batch)} == {"1"}
    finally:
        for component in ("beat", "relay"):
            stack.kube.scale(component, 1)
