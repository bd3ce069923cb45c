"""How many CPUs a process may use, read from what the kernel writes for control groups of either version."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config import cpus


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder where the kernel's files would be, on a machine with 64 CPUs."""
    monkeypatch.setattr(cpus, "CGROUPS", tmp_path)
    monkeypatch.setattr(cpus, "MEMBERSHIPS", tmp_path / "memberships")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    return tmp_path


def put(group: Path, **files: str) -> None:
    group.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (group / name.replace("__", ".")).write_text(f"{text}\n")


@pytest.mark.covers(63)
@pytest.mark.parametrize(
    ("limit", "count"),
    [
        ("max 100000", 64),
        ("100000 100000", 1),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("400000 100000", 4),
        ("9900000 100000", 64),
    ],
)
@pytest.mark.parametrize("path", ["/", "/kubepods.slice/pod7/worker"])
def test_a_containers_quota_is_rounded_up(kernel: Path, limit: str, count: int, path: str) -> None:
    """Its own group is the root of what it sees, also where the path is the host's."""
    put(kernel, memberships=f"0::{path}", cpu__max=limit)
    assert cpus.usable() == count


@pytest.mark.covers(63)
def test_the_smallest_quota_of_the_groups_around_a_process_counts(kernel: Path) -> None:
    put(kernel, memberships="0::/pod/worker")
    put(kernel / "pod", cpu__max="200000 100000")
    put(kernel / "pod" / "worker", cpu__max="300000 100000")
    put(kernel / "neighbour", cpu__max="100000 100000")
    assert cpus.usable() == 2


@pytest.mark.covers(63)
@pytest.mark.parametrize(("quota", "count"), [("-1", 64), ("50000", 1), ("250000", 3)])
def test_control_groups_of_version_1_are_read_too(kernel: Path, quota: str, count: int) -> None:
    put(kernel, memberships="4:memory:/pod\n3:cpu,cpuacct:/pod\n0::/")
    put(kernel / "cpu,cpuacct" / "pod", cpu__cfs_quota_us=quota, cpu__cfs_period_us="100000")
    assert cpus.usable() == count


def test_where_the_kernel_says_nothing_it_is_every_cpu_of_the_machine(
    kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cpus.usable() == 64
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cpus.usable() == os.cpu_count()
