"""The server that Prometheus asks: one per pod, in a thread, on a port of its own. None where METRICS_PORT is unset."""

from __future__ import annotations

import os
from collections.abc import Iterator
from wsgiref.simple_server import WSGIServer

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.dispatch import Signal
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from . import countfiles
from .metrics import DECLARED
from .queues import Queue

#: Sent before a role's server starts, with its `role` and `registry`, for those who have more to tell of it.
serving = Signal()

_server: WSGIServer | None = None


def serve(role: str) -> None:
    """Answer for this process, or for web's processes together. After a fork: a child must not have the socket.

    Raises ImproperlyConfigured where the port is taken.
    """
    global _server
    if settings.METRICS_PORT is None or _server is not None:
        return
    registry = CollectorRegistry()
    begin_at_zero()
    if countfiles.FOLDER_VARIABLE in os.environ:
        registry.register(FromFiles(role))
    else:
        for metric in declared_metrics(role):
            registry.register(metric)
    ProcessCollector(registry=registry)
    serving.send(serve, role=role, registry=registry)
    try:
        _server, _ = start_http_server(settings.METRICS_PORT, registry=registry)
    except OSError as error:
        raise ImproperlyConfigured(
            f"METRICS_PORT was {settings.METRICS_PORT}, which cannot be listened on ({error.strerror}); it must be a "
            "free port of this process's own"
        ) from None


def leave() -> None:
    """In a child, whose parent answers: give up the socket that it inherited."""
    global _server
    if _server is not None:
        _server.socket.close()
        _server = None


def declared_metrics(role: str) -> Iterator[MetricWrapperBase]:
    """What a process of the role counts itself."""
    for one in DECLARED.values():
        if one.metric is not None and role in one.roles:
            yield one.metric


def begin_at_zero() -> None:
    """Show what is counted by queue before its first count: `increase()` does not see that of a series that is new."""
    for one in DECLARED.values():
        if one.metric is not None and one.kind == "counter" and one.labels == ("queue",):
            for queue in Queue:
                one.metric.labels(queue.value)


class FromFiles(Collector):
    """The sums over all processes of a pod that has several, of those that have ended too."""

    def __init__(self, role: str) -> None:
        self.role = role

    def collect(self) -> Iterator[Metric]:
        """Also what nobody has counted yet, so that a metric's absence never means that all is well."""
        found = {family.name: family for family in MultiProcessCollector(None).collect()}  # type: ignore[no-untyped-call]
        for metric in declared_metrics(self.role):
            for empty in metric.collect():
                yield found.get(empty.name, empty)
