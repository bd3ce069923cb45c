"""Sending: many jobs at once, one by one, and with a Redis that is away. Each run is a process of its own."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from statistics import median

from benchmarks.contenders import Contender
from benchmarks.servers import Servers

MANY = 20_000
SINGLES = 300
OURS = Contender("ours, enqueue_many", ("benchmarks.ours", "prefork"))
PROCRASTINATE = Contender("procrastinate, batch_defer", ("benchmarks.rivals.procrastinate_app",))


def measure_many(servers: Servers, rounds: int) -> dict[str, list[float]]:
    """Jobs per second, rows and messages, in batches of 1,000. The clock is the sending process's own."""
    rates: dict[str, list[float]] = {OURS.name: [], PROCRASTINATE.name: []}
    for _ in range(rounds):
        ours = servers.figures("benchmarks.enqueue", "many")
        rival = servers.figures("benchmarks.enqueue", "rival")
        rates[OURS.name].append(ours)
        rates[PROCRASTINATE.name].append(rival)
    return rates


def measure_single(servers: Servers, rounds: int) -> list[float]:
    """Median milliseconds of one `enqueue`, from call to commit and message."""
    return [servers.figures("benchmarks.enqueue", "single") for _ in range(rounds)]


def measure_outage(servers: Servers, rounds: int) -> dict[str, list[float]]:
    """Seconds of the first `enqueue` of a process while Redis refuses, and while it is silent."""
    seconds: dict[str, list[float]] = {"refused": [], "silent": []}
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = {"refused": closed.getsockname()[1], "silent": silent.getsockname()[1]}
        for _ in range(rounds):
            for way, port in ports.items():
                url = f"rediss://127.0.0.1:{port}/0"
                seconds[way].append(servers.figures("benchmarks.enqueue", "one", REDIS_URL=url))
    return seconds


def main(way: str) -> float:
    """Runs in the sending process."""
    if way == "rival":
        return rival()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
    import django

    django.setup()
    from benchmarks.jobtypes.tasks import Work, on_prefork
    from jobs.orders import enqueue_many

    if way == "many":
        payload = Work()
        enqueue_many(on_prefork.order(payload) for _ in range(100))
        began = time.perf_counter()
        enqueue_many(on_prefork.order(payload) for _ in range(MANY))
        return MANY / (time.perf_counter() - began)
    if way == "single":
        return median(timed(lambda: on_prefork.enqueue(Work())) for _ in range(SINGLES)) * 1_000
    from jobs.models import Job

    # The database is there; only Redis is not.
    Job.objects.exists()
    return timed(lambda: on_prefork.enqueue(Work()))


def timed(call: object) -> float:
    began = time.perf_counter()
    assert callable(call)
    call()
    return time.perf_counter() - began


def rival() -> float:
    from benchmarks.rivals import procrastinate_app

    with procrastinate_app.app.open():
        procrastinate_app.send("noop", 100)
        began = time.perf_counter()
        procrastinate_app.send("noop", MANY)
        return MANY / (time.perf_counter() - began)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
