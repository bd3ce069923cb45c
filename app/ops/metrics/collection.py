"""The relay's thread that looks at queues and servers. A scrape shows what it saw last, and costs no query.

It has its own connections, so that neither a long queue nor a slow server holds up a round of the relay.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from django.conf import settings
from django.db import connection
from django.dispatch import receiver
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from config.exposition import serving
from config.metrics import DECLARED, RELAY

from . import looks

log = structlog.get_logger(__name__)

# A look pauses so many times as long as it took: what is large is looked at less often, but after so many times
# METRICS_INTERVAL at the latest. After a fault that is soon: a server that was away may be back.
REST = 20
LONGEST_REST, REST_AFTER_FAULT = 20, 2
# Seconds between looks at certificates, which cost a handshake and change rarely.
RARELY = 300.0


class Look:
    """One thing to look at, and what was seen of it last."""

    def __init__(self, see: Callable[[], looks.Values], every: float) -> None:
        self.see = see
        self.every = every
        self.values: looks.Values = {}
        self.fault = ""
        self.due = 0.0

    def take(self) -> None:
        """Look, if it is time to. What cannot be seen now is shown no more: old values would look like news."""
        began = time.monotonic()
        if began < self.due:
            return
        try:
            self.values, fault = self.see(), ""
        except Exception as error:
            self.values, fault = {}, f"{type(error).__name__}: {error}".strip()
            connection.close()
        ended = time.monotonic()
        interval = settings.METRICS_INTERVAL
        rest = min(REST * (ended - began), interval * (REST_AFTER_FAULT if fault else LONGEST_REST))
        self.due = ended + max(interval if fault else self.every, rest)
        if fault and not self.fault:
            log.warning("what the metrics tell cannot be seen", look=self.see.__name__, error=fault)
        self.fault = fault


class Collection(Collector):
    """What was seen last, as Prometheus' client wants it."""

    def __init__(self) -> None:
        often = settings.METRICS_INTERVAL
        seen_often = (looks.queues, looks.jobs, looks.schedules, looks.postgres_connections, looks.redis_server)
        self.looks = [*(Look(see, often) for see in seen_often), Look(looks.certificates, RARELY)]

    def run(self) -> None:
        """Look again and again."""
        while True:
            for look in self.looks:
                look.take()
            next_due = min(look.due for look in self.looks)
            time.sleep(max(next_due - time.monotonic(), 0.05))

    def collect(self) -> Iterator[Metric]:
        """Every metric, also one of which nothing is known."""
        seen = {name: values for look in self.looks for name, values in look.values.items()}
        for one in DECLARED.values():
            if one.metric is None and one.roles == (RELAY,):
                make = CounterMetricFamily if one.kind == "counter" else GaugeMetricFamily
                family = make(one.name, one.about, labels=one.labels)
                for labels, value in seen.get(one.name, {}).items():
                    family.add_metric(labels, value)
                yield family


@receiver(serving)
def begin(role: str, registry: CollectorRegistry, **_: Any) -> None:
    if role == RELAY:
        collection = Collection()
        registry.register(collection)
        threading.Thread(target=collection.run, name="metrics", daemon=True).start()
