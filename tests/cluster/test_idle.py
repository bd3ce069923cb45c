"""What a release takes that has nothing to do."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from deploy.kind.names import NAMESPACE, NODE
from tests.cluster.kube import raw
from tests.cluster.stack import Stack

CORES_MAX = 0.15
MEMORY_MAX = 1.2 * 1024**3
# Seconds over which it is measured.
WHILE = 60


@dataclass(frozen=True)
class Usage:
    """CPU seconds since their start, and bytes, of every container of the release, as the kubelet counts them."""

    cpu: dict[str, float]
    memory: int


def usage() -> Usage:
    pods = raw(f"/api/v1/nodes/{NODE}/proxy/stats/summary")["pods"]
    containers = {
        f"{pod['podRef']['name']} {container['name']}": container
        for pod in pods
        if pod["podRef"]["namespace"] == NAMESPACE
        for container in pod.get("containers", [])
    }
    return Usage(
        cpu={name: one["cpu"]["usageCoreNanoSeconds"] / 1e9 for name, one in containers.items()},
        memory=sum(one["memory"].get("workingSetBytes", 0) for one in containers.values()),
    )


@pytest.mark.covers(69)
def test_an_idle_release_takes_little(stack: Stack, figures: dict[str, str]) -> None:
    stack.settle()
    time.sleep(20)
    before, began = usage(), time.monotonic()
    time.sleep(WHILE)
    after, seconds = usage(), time.monotonic() - began
    assert len(after.cpu) >= 8, f"only {sorted(after.cpu)} were measured"
    each = {name: (spent - before.cpu.get(name, 0)) / seconds for name, spent in after.cpu.items()}
    cores, most = sum(each.values()), sorted(each.items(), key=lambda one: -one[1])[:5]
    figures["cores that the idle release takes"] = f"{cores:.3f}, most of it {most}"
    figures["MiB that the idle release takes"] = f"{after.memory / 1024**2:.0f}"
    assert cores < CORES_MAX, most
    assert after.memory < MEMORY_MAX
