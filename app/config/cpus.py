"""How many CPUs this process may use: of its machine's, what a pod's CPU limit leaves."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIPS = Path("/proc/self/cgroup")


def usable() -> int:
    """The CPUs of the affinity mask or the smallest quota, whichever is less. A part of a CPU counts as one."""
    return min([_allowed(), *(max(1, math.ceil(quota)) for quota in _quotas())])


def _allowed() -> int:
    """The affinity mask's; where there is none (macOS), the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quotas() -> Iterator[float]:
    """In CPUs, of every control group around this process that sets one: the kernel applies them all."""
    try:
        memberships = MEMBERSHIPS.read_text().splitlines()
    except FileNotFoundError:
        return
    for membership in memberships:
        _, controllers, path = membership.split(":", 2)
        # Version 2 names no controllers. Version 1 has a hierarchy for the CPU, mounted under its name.
        if controllers and "cpu" not in controllers.split(","):
            continue
        hierarchy = CGROUPS / controllers
        # Inside of a container the path may be the host's; its own group is the root of what is mounted.
        for group in (PurePosixPath(path), *PurePosixPath(path).parents):
            yield from _quota(hierarchy / str(group).lstrip("/"))


def _quota(group: Path) -> Iterator[float]:
    """`cpu.max` is "max 100000" or "150000 100000"; version 1 has a file for each, and -1 for no quota."""
    try:
        if (limit := group / "cpu.max").exists():
            quota, period = limit.read_text().split()
        else:
            quota = (group / "cpu.cfs_quota_us").read_text().strip()
            period = (group / "cpu.cfs_period_us").read_text()
    except FileNotFoundError:
        return
    if quota not in ("max", "-1"):
        yield int(quota) / int(period)
