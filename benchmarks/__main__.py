"""`python -m benchmarks [parts]`: measure, keep the figures, write the tables and the chart of docs/performance.md."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from rich.console import Console

from benchmarks import enqueue, footprint, latency, report, table, throughput
from benchmarks.contenders import (
    OURS,
    OURS_EVENTS,
    OURS_METRICS,
    OURS_PLAIN,
    OURS_PLAIN_EVENTS,
    OURS_PLAIN_METRICS,
)
from benchmarks.servers import Servers, servers
from benchmarks.work import Kind


def footprints(at: Servers, rounds: int) -> dict[str, Any]:
    seconds, sizes = footprint.measure(at, rounds)
    return {"seconds": seconds, "MiB": sizes}


EVENTS = [OURS, OURS_EVENTS, OURS_PLAIN, OURS_PLAIN_EVENTS]
METRICS = [OURS, OURS_METRICS, OURS_PLAIN, OURS_PLAIN_METRICS]
PARTS: dict[str, Callable[[Servers, int], Any]] = {
    "noop": lambda at, rounds: throughput.measure(at, Kind.NOOP, rounds),
    "short": lambda at, rounds: throughput.measure(at, Kind.SHORT, rounds),
    "events": lambda at, rounds: throughput.measure_cost(at, rounds, EVENTS),
    "metrics": lambda at, rounds: throughput.measure_cost(at, rounds, METRICS),
    "many": enqueue.measure_many,
    "single": enqueue.measure_single,
    "outage": enqueue.measure_outage,
    "latency": latency.measure,
    "footprint": footprints,
    # Last, because it leaves a million rows behind.
    "table": lambda at, _: table.measure(at),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    console = Console()
    kept = json.loads(report.FIGURES.read_text()) if report.FIGURES.exists() else {}
    with servers() as at:
        for name in [part for part in PARTS if part in (arguments.parts or PARTS)]:
            console.rule(name)
            at.clear()
            kept[name] = PARTS[name](at, arguments.rounds)
            report.FIGURES.write_text(json.dumps(kept, indent=1) + "\n")
            console.print(report.TABLES[name](kept[name]))
    report.write(kept)


main()
