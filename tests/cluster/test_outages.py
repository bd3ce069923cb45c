"""KEDA cut off from Redis; Redis and PostgreSQL taken away and back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import yaml

from deploy.kind.names import RELEASE, URL
from deploy.kind.programs import helm
from tests.cluster.kube import Kube
from tests.cluster.polling import wait_for
from tests.cluster.stack import Stack, done_exactly_once
from tests.cluster.timeline import Timeline

# Seconds that KEDA cannot reach Redis: two minutes, and as long as /health/queues takes to call a queue stalled.
CUT = 135
REDIS = f"{RELEASE}-redis"
KILL = "REDISCLI_AUTH=$(cat /run/redis/admin) redis-cli -s /run/redis/redis.sock --user admin CLIENT KILL USER keda"


@contextmanager
def keda_cut_off(kube: Kube) -> Iterator[None]:
    """Redis' policy lets KEDA in no more, and the connections that it has are closed."""
    manifests = yaml.safe_load_all(helm("get", "manifest", RELEASE, "--namespace", kube.namespace))
    [policy] = [one for one in manifests if (one["kind"], one["metadata"]["name"]) == ("NetworkPolicy", REDIS)]
    cut = deepcopy(policy)
    [rule] = cut["spec"]["ingress"]
    rule["from"] = [peer for peer in rule["from"] if "namespaceSelector" not in peer]
    assert rule["from"] != policy["spec"]["ingress"][0]["from"], "the policy does not let KEDA in"
    apply_as_helm(kube, cut)
    try:
        assert close_connections(kube) >= 1, "KEDA had no connection to Redis"
        yield
    finally:
        apply_as_helm(kube, policy)


def close_connections(kube: Kube) -> int:
    """Close KEDA's connections over more than two of its looks; how many there were.

    The policy holds for new connections, and from some moment on.
    """
    closed, until = 0, time.monotonic() + 12
    while time.monotonic() < until:
        closed += int(kube.exec(f"{REDIS}-0", "sh", "-c", KILL, container="redis"))
        time.sleep(1)
    return closed


def apply_as_helm(kube: Kube, policy: dict[str, Any]) -> None:
    """Apply it in helm's name: helm would refuse to change what became another's."""
    kube.kubectl("apply", "--server-side", "--field-manager=helm", "--force-conflicts", "--filename", "-",
                 given=yaml.safe_dump(policy))  # fmt: skip


@dataclass(frozen=True)
class Cut:
    """KEDA could not count while `default` was busy and jobs came to `heavy`, which was at 0."""

    timeline: Timeline
    busy: str
    jobs: int
    start: float
    end: float
    replicas: int
    waiting: str
    health: httpx.Response


@pytest.fixture(scope="module")
def cut(stack: Stack) -> Iterator[Cut]:
    stack.settle("heavy")
    jobs = 160
    with Timeline(stack.kube).followed() as timeline:
        busy = stack.submit("default", jobs, seconds=10)
        wait_for(lambda: len(stack.kube.ready("worker", "default")) >= 4, 120, what="four replicas")
        replicas = stack.kube.replicas("default")
        with keda_cut_off(stack.kube):
            start = time.time()
            waiting = stack.submit("heavy", 2)
            time.sleep(CUT)
            health = httpx.get(f"{URL}/health/queues", timeout=10)
            end = time.time()
        yield Cut(timeline, busy, jobs, start, end, replicas, waiting, health)


@pytest.mark.covers(72)
def test_keda_without_redis_sends_no_replica_home(stack: Stack, cut: Cut) -> None:
    stack.wait_ended(cut.busy, cut.jobs, within=240)
    done_exactly_once(stack.traces(cut.busy), cut.jobs)
    # The first looks that fail are answered with what was known before.
    assert min(cut.timeline.wanted("default", cut.start, cut.end)) >= cut.replicas


@pytest.mark.covers(72)
def test_a_set_at_0_with_work_wakes_within_60_seconds_of_the_links_return(
    stack: Stack, cut: Cut, figures: dict[str, str]
) -> None:
    assert set(cut.timeline.wanted("heavy", cut.start, cut.end)) == {0}
    seconds = stack.wait_ended(cut.waiting, 2, within=120) - cut.end
    figures["seconds from KEDA's return to the end of jobs that a set at 0 woke for"] = f"{seconds:.0f}"
    assert seconds <= 60


@pytest.mark.covers(116)
def test_a_queue_that_nobody_serves_is_reported(cut: Cut) -> None:
    assert cut.health.status_code == 503
    assert [queue["name"] for queue in cut.health.json()["queues"] if queue["stalled"]] == ["heavy"]


@pytest.mark.covers(75)
@pytest.mark.parametrize("server", ["redis", "postgresql"])
def test_a_server_that_is_replaced_loses_no_job_and_restarts_no_worker(
    stack: Stack, cut: Cut, server: str, figures: dict[str, str]
) -> None:
    kube = stack.kube
    restarts = kube.restarts("worker")
    batch_of_threads = stack.submit("io", 20, seconds=2)
    batch = stack.submit("default", 40, seconds=6)
    stack.wait_begun(batch, 2)
    gone_at = time.time()
    kube.delete_pod(f"{kube.full}-{server}-0")
    wait_for(lambda: kube.ready(server), 120, what=f"{server} is back")
    figures[f"seconds until a new pod of {server} was ready"] = f"{time.time() - gone_at:.0f}"
    stack.wait_ended(batch, 40, within=240)
    stack.wait_ended(batch_of_threads, 20, within=120)
    traces = stack.traces(batch)
    done_exactly_once(traces, 40)
    done_exactly_once(stack.traces(batch_of_threads), 20)
    after = [trace.at - gone_at for trace in traces if trace.ended and trace.at > gone_at + 5]
    assert after, "everything had ended when the server went"
    assert min(after) <= 60, "no work went on"
    # What Redis had been told before it went, it knows when it is back.
    wait_for(lambda: stack.queue("default")["broker"]["in_flight"] == 0, 60, what="no entry is left in flight")
    now = kube.restarts("worker")
    staying = restarts.keys() & now.keys()
    assert {name: now[name] for name in staying} == {name: restarts[name] for name in staying}
