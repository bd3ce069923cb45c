"""From the call of `enqueue` to the first line of the job, with nothing else to do. Milliseconds."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.contenders import CELERY, OURS, Contender
from benchmarks.servers import Servers

COUNT = 150
PAUSE = 0.03
# Seconds that one job may take.
PATIENCE = 30.0


def measure(servers: Servers, rounds: int) -> dict[str, list[float]]:
    """All latencies of all rounds, by contender."""
    found: dict[str, list[float]] = {OURS.name: [], CELERY.name: []}
    for _ in range(rounds):
        for contender in (OURS, CELERY):
            found[contender.name] += lone(servers, contender)
    return found


def lone(servers: Servers, contender: Contender) -> list[float]:
    servers.trace.unlink(missing_ok=True)
    with contender.working(servers):
        side = "ours" if contender is OURS else "celery"
        return list(servers.figures("benchmarks.latency", side, **contender.environment(servers)))


def main(side: str) -> list[float]:
    """Runs in the sending process: one job at a time, the first ones not counted."""
    send = sender(side)
    trace = Path(os.environ["BENCH_TRACE"])
    latencies = []
    for number in range(COUNT + 10):
        began = time.time()
        send()
        latencies.append((first_line(trace, number) - began) * 1_000)
        time.sleep(PAUSE)
    return latencies[10:]


def sender(side: str) -> Callable[[], object]:
    if side == "celery":
        from benchmarks.rivals.plain_celery import run

        return lambda: run.delay("stamp")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
    import django

    django.setup()
    from benchmarks.jobtypes.tasks import Work, on_prefork

    return lambda: on_prefork.enqueue(Work(kind="stamp"))


def first_line(trace: Path, number: int) -> float:
    """When the job with this number began. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        lines = trace.read_text().splitlines() if trace.exists() else []
        if len(lines) > number:
            return float(lines[number])
        time.sleep(0.001)
    raise TimeoutError(f"job {number} did not start within {PATIENCE:.0f} s")


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
