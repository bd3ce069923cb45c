"""Jobs per second, enqueued beforehand: no-ops, and 10 ms of sleep each."""

from __future__ import annotations

from rich.progress import track

from benchmarks.contenders import ALL, Contender, watch
from benchmarks.servers import Servers
from benchmarks.work import Kind

COUNTS = {Kind.NOOP: 3_000, Kind.SHORT: 600}


def rate(servers: Servers, contender: Contender, kind: Kind, count: int) -> float:
    """One run of one contender, its workers started for it."""
    servers.trace.unlink(missing_ok=True)
    contender.send(servers, kind, count)
    with contender.working(servers):
        return watch(servers.trace, count)


def measure(servers: Servers, kind: Kind, rounds: int, contenders: list[Contender] = ALL) -> dict[str, list[float]]:
    """Rates by contender, a round after the other so that a slow minute of the machine meets all of them."""
    rates: dict[str, list[float]] = {one.name: [] for one in contenders}
    for _ in track(range(rounds), f"throughput, {kind}"):
        for contender in contenders:
            rates[contender.name].append(rate(servers, contender, kind, COUNTS[kind]))
    return rates
