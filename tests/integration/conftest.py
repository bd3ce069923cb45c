"""Fixtures for tests that run the application's real processes against real servers."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

import pytest

from config.queues import Queue
from devstack import tether
from devstack.application import Role
from devstack.postgres import Postgres
from devstack.processes import Process, stop_together
from devstack.redis import Redis
from jobs import broker, dispatch
from jobs.models import Job, JobEvent
from jobs.outcomes import OFFERED_AGAIN
from jobs.states import ENDED, EventKind, Reason, State
from tests.polling import wait_for
from tests.services import APPLICATION
from tests.testapp.models import Run


class Stack:
    """The servers, and the processes of the application that a test starts. All of them end with the test."""

    def __init__(self, redis: Redis, postgres: Postgres) -> None:
        self.redis = redis
        self.postgres = postgres
        self.processes: list[Process] = []

    def worker(
        self, queue: Queue = Queue.DEFAULT, *, ready: bool = True, through: Sequence[str] = (), **variables: str
    ) -> Process:
        """Start a worker and wait until it takes messages. `variables` go over the suite's own; `through` is a command
        that becomes the one which follows it."""
        process = self._start(Role.WORKER, queue, through=through, **variables)
        return _saying(process, "ready.") if ready else process

    def relay(self, **variables: str) -> Process:
        """Start the relay and wait until its rounds begin."""
        return _saying(self._start(Role.RELAY, **variables), "relay started")

    def beat(self, **variables: str) -> Process:
        """Start Beat and wait until it follows the schedule."""
        return _saying(self._start(Role.BEAT, **variables), "beat: Starting")

    def web(self, **variables: str) -> Process:
        return self._start(Role.WEB, **variables)

    def _start(
        self, role: Role, queue: Queue | None = None, *, through: Sequence[str] = (), **variables: str
    ) -> Process:
        name = f"{len(self.processes)}-{queue or role}"
        process = APPLICATION.process(role, queue, name=name)
        process.log.unlink(missing_ok=True)
        process.command = [*through, *process.command]
        process.environment = {**(process.environment or {}), **variables}
        # A warm shutdown takes longer on a busy machine; what is killed instead ends with another exit code.
        process.grace = 30
        process.start()
        self.processes.append(process)
        return process

    def children(self, worker: Process) -> list[int]:
        """The pids of a prefork worker's children."""
        return tether.descendants(worker.pid)

    def ended(self, jobs: Iterable[Job], within: float) -> dict[UUID, Job]:
        """Wait until every one of the jobs has ended, and return them as they are then."""
        ids = [job.id for job in jobs]

        def all_ended() -> bool:
            return not Job.objects.filter(id__in=ids).exclude(state__in=ENDED).exists()

        try:
            wait_for(all_ended, within, what=f"{len(ids)} jobs ended")
        except AssertionError as error:
            states = Counter(Job.objects.filter(id__in=ids).values_list("state", "queue"))
            raise AssertionError(f"{error}; states: {dict(states)}") from None
        return Job.objects.in_bulk(ids)

    def running(self, job: Job, within: float = 30) -> Job:
        """Wait until the job's body has begun, and return it as it is then."""
        wait_for(lambda: Run.objects.filter(job_id=job.id).exists(), within, what=f"{job} begun")
        return Job.objects.get(id=job.id, state=State.RUNNING)

    def messages(self, queue: Queue = Queue.DEFAULT) -> int:
        return broker.counts(queue).ready

    def in_flight(self, queue: Queue = Queue.DEFAULT) -> int:
        return broker.counts(queue).in_flight

    def stop(self) -> None:
        """End everything that the test started; workers that are busy do not get to finish."""
        for process in self.processes:
            process.resume()
            process.grace = 1
        stop_together(self.processes)

    def logs(self) -> str:
        """The last lines of each process, for a failed test."""
        return "\n".join(f"{process.name} {process.ending()}; {process.log_end()}" for process in self.processes)


def _saying(process: Process, sign: str) -> Process:
    """The process, once its log has the words by which it says that it works."""
    wait_for(lambda: sign in process.log.read_text(), 60, what=f"{process.name} says {sign!r}")
    return process


@pytest.fixture
def stack(
    redis_server: Redis, postgres: Postgres, transactional_db: None, request: pytest.FixtureRequest
) -> Iterator[Stack]:
    """An empty stack: servers without data, no process yet."""
    with redis_server.client() as client:
        client.flushall()
    dispatch.resume()
    stack = Stack(redis_server, postgres)
    yield stack
    failed = getattr(request.node, "failed", False)
    stack.stop()
    if failed:
        sys.stdout.write(stack.logs())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Let fixtures know that their test failed."""
    report = yield
    if report.when == "call":
        item.failed = report.failed
    return report


def give_back_often(job: Job, reason: Reason) -> None:
    """As workers do for ten minutes whose version cannot read the job: the next one may call it dead."""
    for _ in OFFERED_AGAIN:
        JobEvent.objects.create(job=job, kind=EventKind.RELEASED, data={"reason": reason})
