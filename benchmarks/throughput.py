"""Jobs per second, enqueued beforehand: no-ops, and 10 ms of sleep each. And what an addition to a worker costs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import track

from benchmarks.contenders import ALL, LOOK, Contender, watch
from benchmarks.servers import Servers
from benchmarks.work import Kind
from devstack import tether
from devstack.processes import Process

COUNTS = {Kind.NOOP: 3_000, Kind.SHORT: 600}


@contextmanager
def at_work(servers: Servers, contender: Contender, kind: Kind) -> Iterator[list[Process]]:
    """One contender's workers, started for COUNTS of jobs that were sent before."""
    servers.trace.unlink(missing_ok=True)
    contender.send(servers, kind, COUNTS[kind])
    with contender.working(servers) as processes:
        yield processes


def rate(servers: Servers, contender: Contender, kind: Kind) -> float:
    """One run of one contender."""
    with at_work(servers, contender, kind):
        return watch(servers.trace, COUNTS[kind])


def measure(servers: Servers, kind: Kind, rounds: int, contenders: list[Contender] = ALL) -> dict[str, list[float]]:
    """Rates by contender, a round after the other so that a slow minute of the machine meets all of them."""
    rates: dict[str, list[float]] = {one.name: [] for one in contenders}
    for _ in track(range(rounds), f"throughput, {kind}"):
        for contender in contenders:
            rates[contender.name].append(rate(servers, contender, kind))
    return rates


def measure_cost(servers: Servers, rounds: int, contenders: list[Contender]) -> dict[str, dict[str, list[float]]]:
    """Rates of no-ops as `measure`, and milliseconds of CPU that the worker's processes spend on each.

    The second says more of a difference of a few percent: it does not hang on what else the machine does.
    """
    rates: dict[str, list[float]] = {one.name: [] for one in contenders}
    costs: dict[str, list[float]] = {one.name: [] for one in contenders}
    for _ in track(range(rounds), "cost"):
        for contender in contenders:
            with at_work(servers, contender, Kind.NOOP) as processes:
                done, before = wait_for_begin(servers.trace), cpu(processes)
                rates[contender.name].append(watch(servers.trace, COUNTS[Kind.NOOP]))
                spent = cpu(processes) - before
            costs[contender.name].append(spent / (COUNTS[Kind.NOOP] - done) * 1_000)
    return {"per second": rates, "CPU ms": costs}


def wait_for_begin(trace: Path) -> int:
    """Wait for the first jobs; returns how many are done."""
    while not (trace.exists() and trace.stat().st_size):
        time.sleep(LOOK)
    return trace.stat().st_size


def cpu(processes: list[Process]) -> float:
    """Seconds of CPU that the processes and their children have spent."""
    pids = [pid for process in processes for pid in (process.pid, *tether.descendants(process.pid))]
    # User and system time: proc_pid_stat(5).
    ticks = [int(field) for pid in pids for field in tether.stat(pid)[11:13]]
    return sum(ticks) / os.sysconf("SC_CLK_TCK")
