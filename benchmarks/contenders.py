"""Who runs the work: how each is sent jobs and how its workers are started, two processes that do the work each."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.servers import ROOT, Servers
from benchmarks.work import Kind
from config.queues import Queue
from devstack.application import Role
from devstack.ports import free_port
from devstack.processes import Process, stop_together

# Seconds without a new trace after which a run is given up.
STALL = 60.0
LOOK = 0.005


class Stalled(Exception):
    """A contender stopped doing its work."""


@dataclass(frozen=True)
class Contender:
    """One way to run the work. `sends` is a module and its first arguments; kind and count follow."""

    name: str
    sends: tuple[str, ...]
    # The worker's command for Python's -m, and how many of it; or the queue of the application's own worker.
    worker: tuple[str, ...] = ()
    workers: int = 1
    queue: Queue | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def send(self, servers: Servers, kind: Kind, count: int) -> None:
        """Enqueue so many jobs."""
        servers.run(*self.sends, kind, str(count), **self.environment(servers))

    def environment(self, servers: Servers) -> dict[str, str]:
        """The variables of its own. {tls} stands for the address of the Redis with TLS, with its user."""
        redis = servers.redis
        tls = redis.url.replace("rediss://", f"rediss://admin:{redis.password('admin')}@")
        return {name: value.replace("{tls}", tls) for name, value in self.variables.items()}

    def processes(self, servers: Servers) -> list[Process]:
        """Its workers, not started."""
        if self.queue:
            process = servers.application.process(Role.WORKER, self.queue, name=f"ours-{self.queue}")
            assert process.environment is not None
            process.environment = {**process.environment, **self.environment(servers)}
            return [process]
        slug = self.sends[0].rsplit(".", 1)[-1]
        return [
            Process(
                f"{slug}-{number}",
                [sys.executable, "-m", *self.worker],
                log=servers.folder / "logs" / f"{slug}-{number}.log",
                environment=servers.environment(**self.environment(servers)),
                folder=ROOT,
            )
            for number in range(self.workers)
        ]

    @contextmanager
    def working(self, servers: Servers) -> Iterator[list[Process]]:
        """Its workers, started; stopped at the end."""
        processes = self.processes(servers)
        for process in processes:
            process.start()
        try:
            yield processes
        finally:
            stop_together(processes)


OURS = Contender("ours, prefork", ("benchmarks.ours", "prefork"), queue=Queue.DEFAULT)
OURS_THREADS = Contender("ours, 8 threads", ("benchmarks.ours", "threads"), queue=Queue.IO)
OURS_PLAIN = Contender("ours, a plain task", ("benchmarks.ours", "plain"), queue=Queue.DEFAULT)
# What celery-exporter asks of workers.
_EVENTS = {"WORKER_EVENTS": "true"}
OURS_EVENTS = replace(OURS, name="ours, prefork, with events", variables=_EVENTS)
OURS_PLAIN_EVENTS = replace(OURS_PLAIN, name="ours, a plain task, with events", variables=_EVENTS)
# As in a pod that Prometheus asks.
_METRICS = {"METRICS_PORT": str(free_port())}
OURS_METRICS = replace(OURS, name="ours, prefork, with metrics", variables=_METRICS)
OURS_PLAIN_METRICS = replace(OURS_PLAIN, name="ours, a plain task, with metrics", variables=_METRICS)
_CELERY = ("celery", "--quiet", "--app=benchmarks.rivals.plain_celery", "worker", "--concurrency=2")
CELERY = Contender("Celery's defaults, plain TCP", ("benchmarks.rivals.plain_celery",), worker=_CELERY)
CELERY_RELIABLE = Contender(
    "Celery, reliable, TLS",
    ("benchmarks.rivals.plain_celery",),
    worker=_CELERY,
    variables={"BENCH_RELIABLE": "1", "BENCH_REDIS_URL": "{tls}"},
)
PROCRASTINATE = Contender(
    "procrastinate",
    ("benchmarks.rivals.procrastinate_app",),
    worker=("procrastinate", "--app=benchmarks.rivals.procrastinate_app.app", "worker", "--concurrency=1"),
    workers=2,
)
DRAMATIQ = Contender(
    "dramatiq, plain TCP",
    ("benchmarks.rivals.dramatiq_app",),
    worker=("dramatiq", "benchmarks.rivals.dramatiq_app", "--processes=2", "--threads=1"),
)
ALL = [OURS, OURS_THREADS, OURS_PLAIN, CELERY, CELERY_RELIABLE, PROCRASTINATE, DRAMATIQ]


def watch(trace: Path, count: int) -> float:
    """Wait until each of `count` jobs has left its byte; jobs per second between a tenth of them and the last.

    Raises Stalled when nothing happens for STALL seconds, or when there are more traces than jobs.
    """
    first, began, seen, moved = count // 10, 0.0, 0, time.monotonic()
    while seen < count:
        time.sleep(LOOK)
        size, now = (trace.stat().st_size if trace.exists() else 0), time.monotonic()
        if size > seen:
            seen, moved = size, now
        if not began and seen >= first:
            began, first = now, seen
        if now - moved > STALL:
            raise Stalled(f"{seen} of {count} jobs were done, then none for {STALL:.0f} s")
    if seen > count:
        raise Stalled(f"{count} jobs left {seen} traces")
    return (count - first) / (moved - began)
