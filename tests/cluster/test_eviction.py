"""Pods that a drain of nodes asks to leave."""

from __future__ import annotations

import pytest

from tests.cluster.kube import START, ApiException, Kube
from tests.cluster.polling import wait_for
from tests.cluster.stack import Stack, done_exactly_once


def evict(kube: Kube, name: str) -> int:
    """Ask for a pod to leave, as `kubectl drain` does; the status of the answer."""
    try:
        kube.core.create_namespaced_pod_eviction(name, kube.namespace, {"metadata": {"name": name}})
    except ApiException as refused:
        return int(refused.status)
    return 201


@pytest.mark.covers(76)
def test_of_two_workers_one_may_be_evicted_and_no_job_is_lost(stack: Stack) -> None:
    batch = stack.submit("heavy", 4, seconds=40)
    wait_for(lambda: len(stack.kube.ready("worker", "heavy")) == 2, START, what="two workers for four jobs")
    stack.wait_begun(batch, 4)
    budget = f"poddisruptionbudget/{stack.kube.full}-worker-heavy"
    allowed = ("get", budget, "--output", "jsonpath={.status.disruptionsAllowed}")
    wait_for(lambda: stack.kube.kubectl(*allowed) == "1", 60, what="the budget has counted both")
    first, second = (pod.metadata.name for pod in stack.kube.ready("worker", "heavy"))
    assert evict(stack.kube, first) == 201
    assert evict(stack.kube, second) == 429, "the budget lets one go at a time"
    stack.wait_ended(batch, 4, within=120)
    done_exactly_once(stack.traces(batch), 4)
