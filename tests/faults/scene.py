"""Where faults happen: one worker set, its relay, and jobs that are asked for before, during and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from uuid import UUID

from django.utils import timezone

from config.queues import RELEASE_MARGIN, Queue
from devstack.processes import Process
from jobs import broker
from jobs.effects import Guarantee
from jobs.models import Job
from jobs.states import State
from tests.faults.proxy import Proxy
from tests.integration.conftest import Stack
from tests.polling import wait_for
from tests.testapp.errands import Errand, errand_on

# Seconds from TERM until a draining worker gives its jobs back.
DRAIN = 3
# The engine's own timers, where a promise is given in seconds.
REAL_TIMERS = {
    "JOB_LEASE": "30",
    "JOB_LEASE_RENEWAL": "10",
    "RELAY_INTERVAL": "1",
    "DISPATCH_OVERDUE": "30",
    "DISPATCH_UNDISPATCHED": "5",
}


def said_from_now(process: Process) -> Callable[[], str]:
    """What the process adds to its log after this moment."""
    before = len(process.log.read_text())
    return lambda: process.log.read_text()[before:]


class Scene:
    """Faults act on it as Kubernetes and the network would: they end processes and start others in their place."""

    def __init__(self, stack: Stack, queue: Queue, proxy: Proxy, variables: Mapping[str, str] | None = None) -> None:
        self.stack = stack
        self.queue = queue
        # Between every process and Redis. The test itself has no proxy: what it sees is there.
        self.proxy = proxy
        self.variables = {
            "REDIS_URL": f"rediss://127.0.0.1:{proxy.port}/0",
            "WORKER_GRACE_PERIOD": str(RELEASE_MARGIN + DRAIN),
            **(variables or {}),
        }
        self.workers: list[Process] = []
        self.relay: Process
        self.jobs: list[UUID] = []
        self._guarantees = cycle(Guarantee)

    def set_up(self, workers: int = 1, relay: Process | None = None) -> None:
        """Start the processes side by side, and wait for all of them."""
        for _ in range(workers):
            self.add_worker()
        self.relay = relay or self.stack.relay(**self.variables)
        for worker in self.workers:
            self.wait_until_ready(worker)

    def add_worker(self) -> Process:
        """One more of the set; not waited for."""
        worker = self.stack.worker(self.queue, ready=False, **self.variables)
        self.workers.append(worker)
        return worker

    def wait_until_ready(self, worker: Process) -> None:
        wait_for(lambda: "ready." in worker.log.read_text(), 60, what=f"{worker.name} ready")

    def replace(self, worker: Process) -> None:
        """Start another in the place of one that has ended, or is about to."""
        self.workers.remove(worker)
        self.add_worker()

    def kill(self, worker: Process) -> None:
        """SIGKILL to the main process; its children go with it."""
        worker.kill()
        self.replace(worker)

    def ask(
        self,
        count: int = 1,
        *,
        parts: int = 1,
        seconds_each: float = 0.1,
        delay: float = 0,
        fails_first: bool = False,
        megabytes: int = 0,
    ) -> list[Job]:
        """Ask for errands; of each guarantee in turn."""
        run_at = timezone.now() + timedelta(seconds=delay) if delay else None
        asked = []
        for _ in range(count):
            errand = Errand(
                parts=parts,
                seconds_each=seconds_each,
                guarantee=next(self._guarantees),
                fails_first=fails_first,
                megabytes=megabytes,
            )
            asked.append(errand_on[self.queue].enqueue(errand, run_at=run_at))
        self.jobs += [job.id for job in asked]
        return asked

    def busy(self, job: Job | None = None, *, attempt: int = 1) -> tuple[Process, Job]:
        """A worker of the set and a job that it runs at this moment: this one, in this attempt or a later, or any."""
        return wait_for(lambda: self._look(job, attempt), 60, what=f"{job or 'a job'} runs")

    def _look(self, job: Job | None, attempt: int) -> tuple[Process, Job] | None:
        chosen = {"id": job.id} if job else {}
        running = Job.objects.filter(state=State.RUNNING, queue=self.queue, attempt__gte=attempt, **chosen)
        # The first that began are the longest.
        for one in running.order_by("started_at"):
            for worker in self.workers:
                if self._runs(worker, one):
                    return worker, one
        return None

    def _runs(self, worker: Process, job: Job) -> bool:
        """A child of the worker's has the attempt or, in the threads pool, a thread."""
        if self.queue.lane.pool == "threads":
            return len(self.workers) == 1 or Path(f"/proc/{worker.pid}/task/{job.pid}").exists()
        return job.pid in self.stack.children(worker)

    def goes_on(self, job: Job) -> bool:
        """Whether the job, as it was known, is back in the queue with its message, or further."""
        row = Job.objects.get(id=job.id)
        if row.attempt > job.attempt:
            return True
        return row.state == State.QUEUED and job.id in {one.job_id for one in broker.oldest_waiting(self.queue)}
