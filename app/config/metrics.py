"""Numbers for Prometheus: what they are called, who has them, and how a process counts.

Labels never carry ids. Nothing is counted where METRICS_PORT is not set.

A prefork child counts into an outbox, which the engine's task returns beside its end, and the worker's main process
takes it in: one process per pod answers Prometheus, and no file is shared. What a child that was killed had not handed
over is lost with it; the attempt itself is then counted by whoever writes it down.
"""

from __future__ import annotations

import json
import threading
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.conf import settings
from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.metrics import MetricWrapperBase

M = TypeVar("M", Counter, Gauge)

WEB, WORKER, RELAY, BEAT = ROLES = ("web", "worker", "relay", "beat")
# Upper bounds in seconds: from a no-op to the longest time limit, and for waiting beyond it.
RUN_BUCKETS = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 900, 1800)
WAIT_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 900, 3600)
HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


@dataclass(frozen=True)
class Declared:
    """A metric as it is documented. `metric` is what counts; None where a collector makes it up when asked."""

    name: str
    kind: str
    labels: tuple[str, ...]
    about: str
    roles: tuple[str, ...]
    metric: MetricWrapperBase | None


# They would double the series, and nobody asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]

# By name, in the order in which they are documented.
DECLARED: dict[str, Declared] = {}


def declare(
    name: str,
    kind: str,
    about: str,
    labels: Sequence[str],
    roles: Sequence[str],
    metric: MetricWrapperBase | None = None,
) -> None:
    """Note a metric for the page of metrics and for the servers of these roles."""
    DECLARED[name] = Declared(name, kind, tuple(labels), about, tuple(roles), metric)


def counter(name: str, about: str, labels: Sequence[str], *roles: str) -> Counter:
    """A number that only grows. Its name ends in `_total`."""
    return _made(Counter, name, "counter", about, labels, roles)


def gauge(name: str, about: str, labels: Sequence[str], *roles: str) -> Gauge:
    """A number that goes up and down."""
    return _made(Gauge, name, "gauge", about, labels, roles)


def histogram(name: str, about: str, labels: Sequence[str], buckets: Sequence[float], *roles: str) -> Histogram:
    """Seconds, counted by how many they were."""
    metric = Histogram(name, about, labels, buckets=buckets, registry=None)
    declare(name, "histogram", about, labels, roles, metric)
    return metric


def _made(make: Callable[..., M], name: str, kind: str, about: str, labels: Sequence[str], roles: Sequence[str]) -> M:
    metric = make(name, about, labels, registry=None)
    declare(name, kind, about, labels, roles, metric)
    return metric


class Outbox:
    """What a child has counted and not handed over yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: Tally[tuple[str, ...]] = Tally()
        self._observed: list[tuple[float, str, tuple[str, ...]]] = []

    def add(self, name: str, amount: float, labels: tuple[str, ...]) -> None:
        with self._lock:
            self._counted[(name, *labels)] += amount  # type: ignore[assignment]  # whole numbers, all of them

    def observe(self, name: str, seconds: float, labels: tuple[str, ...]) -> None:
        with self._lock:
            self._observed.append((round(seconds, 4), name, labels))

    def empty(self) -> str:
        """All of it as JSON, once."""
        with self._lock:
            counted, self._counted = self._counted, Tally()
            observed, self._observed = self._observed, []
        return json.dumps([[[amount, *key] for key, amount in counted.items()], observed])


_outbox: Outbox | None = None


def on() -> bool:
    """Whether anybody will ask."""
    return settings.METRICS_PORT is not None


def use_outbox() -> None:
    """In a prefork child, at its start."""
    global _outbox
    _outbox = Outbox()


def posted() -> str | None:
    """What this child has counted since it was last asked; None in a process that answers for itself."""
    return _outbox.empty() if _outbox and on() else None


def take_in(text: str) -> None:
    """Count what a child has posted."""
    counted, observed = json.loads(text)
    for amount, name, *labels in counted:
        metric = DECLARED[name].metric
        assert isinstance(metric, Counter)  # noqa: S101  # only those are added to
        metric.labels(*labels).inc(amount)
    for seconds, name, labels in observed:
        metric = DECLARED[name].metric
        assert isinstance(metric, Histogram)  # noqa: S101
        metric.labels(*labels).observe(seconds)


def add(metric: Counter, amount: int, *labels: str) -> None:
    """Count, here or by way of the outbox."""
    if not on():
        return
    if _outbox:
        _outbox.add(_name(metric), amount, labels)
    else:
        metric.labels(*labels).inc(amount)


def observe(metric: Histogram, seconds: float, *labels: str) -> None:
    """Note how long something took, here or by way of the outbox. Clocks that differ make no negative seconds."""
    if not on():
        return
    seconds = max(seconds, 0)
    if _outbox:
        _outbox.observe(_name(metric), seconds, labels)
    else:
        metric.labels(*labels).observe(seconds)


def _name(metric: Counter | Histogram) -> str:
    """The name under which it was declared."""
    name: str = metric._name
    return f"{name}_total" if isinstance(metric, Counter) else name


TASKS = counter(
    "jobs_tasks_total",
    "Plain tasks that ended: succeeded, failed, retried, rejected (the message could not be read, or the task said so) "
    "or revoked (expired, too).",
    ["queue", "task", "end"],
    WORKER,
)
TASK_RUN = histogram(
    "jobs_task_run_seconds", "How long plain tasks ran, however they ended.", ["queue", "task"], RUN_BUCKETS, WORKER
)
UNKNOWN = counter(
    "jobs_unknown_messages_total",
    "Messages that name no task of this version or cannot be read. The newest are kept: `manage unknown_messages`.",
    ["queue"],
    WORKER,
)
REQUESTS = counter(
    "http_requests_total",
    "Requests that were answered. The route is the pattern of the URL; `(none)` where none matched.",
    ["method", "route", "status"],
    WEB,
)
REQUEST_SECONDS = histogram(
    "http_request_duration_seconds",
    "Seconds from a request's first look to its answer.",
    ["method", "route"],
    HTTP_BUCKETS,
    WEB,
)
# Made by `ops.metrics`, which knows the fingerprint.
BUILD = "jobs_build_info"
declare(
    BUILD,
    "gauge",
    "Always 1. The version is SENTRY_RELEASE; two processes with different fingerprints have other queues, job types "
    "or timers.",
    ["version", "role", "fingerprint"],
    ROLES,
)
