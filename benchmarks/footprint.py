"""What a worker takes: seconds from its start until it takes work, and memory of eight idle children."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from benchmarks.contenders import OURS, Contender
from benchmarks.servers import Servers
from devstack import tether
from devstack.processes import Process

STOCK = Contender(
    "the same project, Celery's defaults",
    ("benchmarks.rivals.stock",),
    worker=("celery", "--app=benchmarks.rivals.stock", "worker", "--loglevel=info", "--concurrency=8"),
)
EIGHT = replace(OURS, variables={"WORKER_CONCURRENCY": "8"})
START = 60.0
# Seconds for children to come to rest.
SETTLE = 3.0


def measure(servers: Servers, rounds: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds until ready, and MiB of main process and children together (PSS), by contender."""
    seconds: dict[str, list[float]] = {OURS.name: [], STOCK.name: []}
    sizes: dict[str, list[float]] = {OURS.name: [], STOCK.name: []}
    for _ in range(rounds):
        for contender in (EIGHT, STOCK):
            (servers.folder / "health" / contender.processes(servers)[0].name / "ready").unlink(missing_ok=True)
            began = time.monotonic()
            with contender.working(servers) as [process]:
                wait_until_ready(servers, process, contender)
                seconds[contender.name].append(time.monotonic() - began)
                time.sleep(SETTLE)
                sizes[contender.name].append(sum(map(pss, tether.descendants(process.pid))))
            process.log.unlink()
    return seconds, sizes


def wait_until_ready(servers: Servers, process: Process, contender: Contender) -> None:
    """Raises TimeoutError with the end of its log."""
    ready = servers.folder / "health" / process.name / "ready"
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        says_so = process.log.exists() and " ready." in process.log.read_text()
        if says_so if contender is STOCK else ready.exists():
            return
        time.sleep(0.005)
    raise TimeoutError(process.log_end())


def pss(pid: int) -> float:
    """A process's own memory and its share of what it has in common with others, in MiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0
