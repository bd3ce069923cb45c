"""The release that is tested: jobs are asked for through its API and counted by the rows that their bodies leave."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from devstack.api import Api
from tests.cluster.kube import Kube
from tests.cluster.polling import wait_for

# Replicas of each queue's set when there is nothing to do, as the values say.
MINIMUM = {"critical": 1, "default": 1, "io": 0, "heavy": 0}
ENQUEUE = """
from probe.tasks import Work, work_on
for _ in range({count}):
    work_on[{queue!r}].enqueue(Work(batch={batch!r}, seconds={seconds}))
"""
# Seconds until an idle set is back at its minimum: the window of the last jobs, KEDA's cooldown, and a look at each.
SETTLED = 180


@dataclass(frozen=True)
class Trace:
    """A body began or ended, `at` seconds since 1970 by PostgreSQL's clock, which is this machine's."""

    job: str
    attempt: int
    ended: bool
    pod: str
    generation: str
    at: float


class Stack:
    """A release: its objects, its API and its database."""

    def __init__(self, kube: Kube, api: Api | None = None) -> None:
        self.kube = kube
        self._api = api

    @property
    def api(self) -> Api:
        assert self._api, f"nothing leads to the API in {self.kube.namespace}"
        return self._api

    def submit(self, queue: str, count: int = 1, *, seconds: float = 0, batch: str = "") -> str:
        """Ask for jobs of so many seconds each; the batch under which their rows are found."""
        batch = batch or new_batch(queue)
        for _ in range(count):
            self.api.submit(f"probe.work_{queue}", {"batch": batch, "seconds": seconds})
        return batch

    def enqueue(self, queue: str, count: int = 1, *, seconds: float = 0, batch: str = "") -> str:
        """As `submit`, for a release that nothing leads to: in a pod of its web. Redis is not needed for that."""
        batch = batch or new_batch(queue)
        script = ENQUEUE.format(queue=queue, count=count, batch=batch, seconds=seconds)
        self.kube.manage("shell", "--command", script)
        return batch

    def query(self, statement: str) -> list[dict[str, str]]:
        """Rows of the application's database."""
        command = ["psql", "--username=postgres", "--dbname=app", "--no-psqlrc", "--csv", "--command", statement]
        printed = self.kube.exec(f"{self.kube.full}-postgresql-0", *command, container="postgresql")
        return list(csv.DictReader(io.StringIO(printed)))

    def traces(self, batch: str) -> list[Trace]:
        """What the bodies of a batch left, in its order."""
        rows = self.query(
            "SELECT job_id, attempt, ended, pod, generation, extract(epoch FROM at) AS at"
            f" FROM probe_trace WHERE batch = '{batch}' ORDER BY at"
        )
        return [
            Trace(
                job=row["job_id"],
                attempt=int(row["attempt"]),
                ended=row["ended"] == "t",
                pod=row["pod"],
                generation=row["generation"],
                at=float(row["at"]),
            )
            for row in rows
        ]

    def jobs(self, batch: str) -> list[dict[str, str]]:
        """The rows of a batch's jobs."""
        return self.query(
            "SELECT id, state, reason, attempt, losses, failures, dispatch, worker FROM jobs_job"
            f" WHERE payload ->> 'batch' = '{batch}' ORDER BY id"
        )

    def wait_begun(self, batch: str, count: int, within: float = 120) -> float:
        """Wait until so many bodies have begun; when the last of them did."""
        return self._wait(batch, count, within, ended=False)

    def wait_ended(self, batch: str, count: int, within: float) -> float:
        """Wait until so many bodies have ended; when the last of them did."""
        return self._wait(batch, count, within, ended=True)

    def _wait(self, batch: str, count: int, within: float, *, ended: bool) -> float:
        statement = (
            "SELECT count(DISTINCT job_id) AS jobs, extract(epoch FROM max(at)) AS at FROM probe_trace"
            f" WHERE batch = '{batch}' AND ended = {ended}"
        )
        seen: list[str] = []

        def look() -> float | None:
            [row] = self.query(statement)
            seen[:] = [f"{row['jobs']} of {count}"]
            return float(row["at"]) if int(row["jobs"]) >= count else None

        try:
            return wait_for(look, within, what=f"{count} of {batch} {'ended' if ended else 'began'}") or 0.0
        except AssertionError as error:
            raise AssertionError(f"{error}; {seen}; {Counter(job['state'] for job in self.jobs(batch))}") from None

    def queue(self, name: str) -> dict[str, Any]:
        return self.api.queue(name)

    def busy(self, *names: str) -> dict[str, str]:
        """What keeps sets from being at rest; nothing when they are."""
        reasons: dict[str, str] = {}
        for name in names:
            least = MINIMUM[name]
            wanted, ready = self.kube.replicas(name), len(self.kube.ready("worker", name))
            if (wanted, ready) != (least, least):
                reasons[f"worker-{name}"] = f"{ready} ready of {wanted}, at rest {least}"
        return reasons

    def settle(self, *names: str, within: float = SETTLED) -> None:
        """Wait until these sets, or all, are at their minimum."""
        wait_for(
            lambda: not self.busy(*(names or MINIMUM)),
            within,
            what="the worker sets are at their minimum",
            seen=lambda _: self.busy(*(names or MINIMUM)),
        )


def new_batch(what: str) -> str:
    return f"{what}-{uuid4().hex[:8]}"


def done_exactly_once(traces: list[Trace], count: int) -> None:
    """Each of so many bodies began once and ended once: none lost, none run twice."""
    began = Counter(trace.job for trace in traces if not trace.ended)
    ended = Counter(trace.job for trace in traces if trace.ended)
    assert len(ended) == count, f"{len(ended)} of {count} jobs ended, {len(began)} began"
    twice = {job: times for job, times in (began | ended).items() if times != 1}
    assert not twice, f"bodies that ran more than once: {twice}"
    assert began == ended
