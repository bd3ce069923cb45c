"""What the worker sets had at each moment, remembered for the tests to look at afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from urllib3.exceptions import HTTPError

from tests.cluster.kube import SET_LABEL, ApiException, Kube

# Seconds between looks.
LOOK = 0.5


@dataclass(frozen=True)
class Moment:
    """Replicas by worker set, `at` seconds since 1970."""

    at: float
    wanted: dict[str, int]
    ready: dict[str, int]


class Timeline:
    """Moments in their order, written by a thread."""

    def __init__(self, kube: Kube) -> None:
        # A client of its own: it is used from another thread.
        self._kube = Kube(kube.namespace, kube.full)
        self._moments: list[Moment] = []
        self._stopped = threading.Event()

    def _follow(self) -> None:
        while not self._stopped.wait(LOOK):
            # The API server may be slow for a moment; a gap in the line is not a fault of the release.
            with suppress(ApiException, HTTPError):
                self._look()

    def _look(self) -> None:
        found = self._kube.apps.list_namespaced_deployment(
            self._kube.namespace, label_selector=SET_LABEL, _request_timeout=10
        ).items
        sets = {one.metadata.labels[SET_LABEL]: one for one in found}
        wanted = {name: int(one.spec.replicas) for name, one in sets.items()}
        ready = {name: int(one.status.ready_replicas or 0) for name, one in sets.items()}
        self._moments.append(Moment(time.time(), wanted, ready))

    def between(self, start: float, end: float) -> list[Moment]:
        """The moments of a time, of which there must be one every ten seconds."""
        found = [one for one in self._moments if start <= one.at <= end]
        assert len(found) >= (end - start) / 10, f"{len(found)} looks in {end - start:.0f} s"
        return found

    def wanted(self, worker_set: str, start: float, end: float) -> list[int]:
        return [one.wanted[worker_set] for one in self.between(start, end)]

    def first_ready(self, worker_set: str, replicas: int, start: float) -> float | None:
        """Seconds from `start` until so many were ready; None when they never were."""
        return next((one.at - start for one in self._after(start) if one.ready[worker_set] >= replicas), None)

    def first_wanted(self, worker_set: str, replicas: int, start: float) -> float | None:
        """Seconds from `start` until no more than so many were wanted; None when there always were more."""
        return next((one.at - start for one in self._after(start) if one.wanted[worker_set] <= replicas), None)

    def _after(self, start: float) -> Iterator[Moment]:
        return (one for one in self._moments if one.at >= start)

    @contextmanager
    def followed(self) -> Iterator[Timeline]:
        thread = threading.Thread(target=self._follow, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            thread.join()
