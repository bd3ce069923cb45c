"""What a process is: its version, its role and the fingerprint of what it knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.dispatch import receiver
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from config.exposition import serving
from config.metrics import BUILD, DECLARED

from ..fingerprint import fingerprint


class Build(Collector):
    """`jobs_build_info` of a process with this role."""

    def __init__(self, role: str) -> None:
        self.labels = [settings.SENTRY_RELEASE or "unknown", role, fingerprint()]

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(BUILD, DECLARED[BUILD].about, labels=DECLARED[BUILD].labels)
        family.add_metric(self.labels, 1)
        yield family


@receiver(serving)
def say(role: str, registry: CollectorRegistry, **_: Any) -> None:
    registry.register(Build(role))
