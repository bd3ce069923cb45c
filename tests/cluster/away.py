"""A second release, which loses its Redis for ten minutes while the other tests have their own."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.kind import release
from deploy.kind.names import VALUES
from tests.cluster.alerts import REDIS_AWAY
from tests.cluster.kube import Kube
from tests.cluster.polling import wait_for
from tests.cluster.prometheus import Prometheus
from tests.cluster.stack import Stack, new_batch

HERE = Path(__file__).parent
RELEASE = "away"
# Seconds without Redis.
ABSENCE = 600
QUEUES = ("default", "io")


@dataclass(frozen=True)
class Absence:
    """How often each container had been started anew before Redis went and before it came back; what waited for it.

    `firing` are the alerts of that moment, by name.
    """

    before: dict[str, int]
    after: dict[str, int]
    firing: set[str]
    batch: str
    back_at: float


class Away:
    """Installed, cut off and mended by a thread, so that nobody waits for it."""

    NAMESPACE = "redis-away"

    def __init__(self, image: str) -> None:
        self.image = image
        self.stack = Stack(Kube(self.NAMESPACE, f"{RELEASE}-django-celery"))
        self._executor = ThreadPoolExecutor(1)
        self._passing: Future[Absence]

    def begin(self) -> None:
        self._passing = self._executor.submit(self._pass)

    def end(self) -> None:
        self._executor.shutdown()

    def absence(self) -> Absence:
        """How it was; waits until it is over. Raises the error that ended it, if one did."""
        return self._passing.result()

    def _pass(self) -> Absence:
        release.put(RELEASE, self.NAMESPACE, self.image, VALUES, HERE / "away.yaml")
        kube = self.stack.kube
        self.stack.wait_ended(self.enqueue(), len(QUEUES), within=60)
        before = kube.restarts()
        kube.scale("redis", 0, kind="statefulset")
        wait_for(lambda: not kube.pods("redis"), 90, what="Redis is gone")
        time.sleep(ABSENCE)
        batch, after = self.enqueue(), kube.restarts()
        firing = self._told()
        kube.scale("redis", 1, kind="statefulset")
        wait_for(lambda: kube.ready("redis"), 120, what="Redis is back")
        return Absence(before, after, firing, batch, time.time())

    def _told(self) -> set[str]:
        """What fires; with a moment's patience, because a scrape that failed hides an alert."""
        prometheus = Prometheus()
        with suppress(AssertionError):
            prometheus.wait_firing(self.NAMESPACE, REDIS_AWAY, within=60)
        return set(prometheus.firing(self.NAMESPACE))

    def enqueue(self) -> str:
        """A job on each queue; their batch. Redis is not needed for that."""
        batch = new_batch("away")
        for queue in QUEUES:
            self.stack.enqueue(queue, batch=batch)
        return batch
