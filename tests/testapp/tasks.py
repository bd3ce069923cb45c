"""Job types and plain tasks that do what a test asks of them."""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import timedelta
from functools import partial
from typing import Any

from celery import shared_task
from django.db import connection, transaction
from pydantic import BaseModel, Field

from config.queues import Queue
from jobs.effects import Guarantee, cached_step, effect_once
from jobs.limits import RateLimit
from jobs.orders import Order
from jobs.patience import patiently
from jobs.policies import Gone, Keep, Permanent, Retry, Transient
from jobs.registry import NoPayload, job
from jobs.running import RunningJob
from jobs.workflows import gather

from .errands import errand_on  # noqa: F401  # the worker imports `tasks` modules
from .models import Run


class Echo(BaseModel, extra="forbid"):
    """A few typed fields."""

    text: str = Field(max_length=100)
    times: int = Field(default=1, ge=1, le=10)
    tags: list[str] = []


class Nap(BaseModel, extra="forbid"):
    """Seconds to sleep, looking up `steps` times a second."""

    seconds: float = 0
    looks_up: bool = True
    leaves_traces: bool = True
    leaves_end: bool = True


class Trouble(BaseModel, extra="forbid"):
    """How the body ends: by an exception, by a signal to its own process, or with the given result."""

    raises: str = ""
    signals: int = 0
    until_attempt: int = 1_000
    result: Any = None


class SourceAway(Exception):
    """An error that the job type's policy names."""


@job(queue=Queue.DEFAULT, payload=Echo)
def echo(job: RunningJob, payload: Echo) -> dict[str, str]:
    """Says back what it was given."""
    return {"text": payload.text * payload.times}


if os.environ.get("TESTAPP_NEXT_VERSION"):
    job(queue=Queue.DEFAULT, payload=Echo, name="testapp.of_the_next_version")(lambda _, payload: payload.text)


@job(queue=Queue.DEFAULT, payload=Echo, exposed=False)
def secret_echo(job: RunningJob, payload: Echo) -> dict[str, str]:
    """Not for the API."""
    return {"text": payload.text}


def doze(job: RunningJob, payload: Nap) -> None:
    """Sleep, leaving a row at the beginning and one at the end."""
    trace(job, payload, ended=False)
    until = time.monotonic() + payload.seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))
        if payload.looks_up:
            job.progress(round((payload.seconds - left) * 1000), round(payload.seconds * 1000) + 1, "ms")
    if payload.leaves_end:
        trace(job, payload, ended=True)


def trace(job: RunningJob, payload: Nap, *, ended: bool) -> None:
    if payload.leaves_traces:
        row = Run(job_id=job.id, attempt=job.attempt, ended=ended)
        patiently(row.save, until=time.monotonic() + 120)


# One per queue: what a fault does depends on the pool.
nap_on = {
    queue: job(queue=queue, payload=Nap, name=f"testapp.nap_{queue}", retry=Retry(attempts=3, first=0.1))(doze)
    for queue in Queue
}
nap = nap_on[Queue.DEFAULT]


@job(queue=Queue.DEFAULT, payload=Trouble, retry=Retry(attempts=3, on=[SourceAway], first=0.1))
def trouble(job: RunningJob, payload: Trouble) -> Any:
    """Fails as asked, until the attempt given."""
    Run.objects.create(job_id=job.id, attempt=job.attempt, ended=False)
    if job.attempt < payload.until_attempt:
        if payload.signals:
            os.kill(os.getpid(), payload.signals)
            signal.pause()
        errors: dict[str, BaseException] = {
            "transient": Transient("the other side is busy", retry_after=0.1),
            "permanent": Permanent("the other side refuses"),
            "named": SourceAway("away"),
            "unforeseen": ValueError("password=hunter2 in the message"),
            "gone": Gone("the thing was deleted"),
            "memory": MemoryError(),
            "system exit": SystemExit(3),
        }
        if payload.raises:
            raise errors[payload.raises]
    return "a\x00b" if payload.result == "NUL" else payload.result


class Module(BaseModel, extra="forbid"):
    """A module's full name."""

    name: str


@job(queue=Queue.DEFAULT, payload=Module)
def has_imported(job: RunningJob, payload: Module) -> bool:
    """Whether this process has."""
    return payload.name in sys.modules


class Count(BaseModel, extra="forbid"):
    """How far to count, and how long each step takes."""

    to: int
    seconds_each: float = 0


@job(queue=Queue.DEFAULT, payload=Count)
def count(job: RunningJob, payload: Count) -> dict[str, int]:
    """Counts by steps: each commits its row with the checkpoint that speaks of it."""
    done = (job.checkpoint or {}).get("done", 0)
    for step in range(done + 1, payload.to + 1):
        time.sleep(payload.seconds_each)
        with transaction.atomic():
            Run.objects.create(job_id=job.id, attempt=step, ended=False)
            job.save_checkpoint({"done": step})
        job.progress(step, payload.to, "steps")
    job.save_file("count.txt", "text/plain", str(payload.to).encode())
    return {"counted": payload.to}


class Part(BaseModel, extra="forbid"):
    """One part of a whole; `fails` as Trouble's `raises`."""

    number: int
    fails: str = ""
    seconds: float = 0


class Whole(BaseModel, extra="forbid"):
    """A whole of parts, of which one may fail, and a second step over their sum."""

    parts: int
    failing: int | None = None
    seconds: float = 0


@job(queue=Queue.DEFAULT, payload=Part)
def part(job: RunningJob, payload: Part) -> int:
    """Its number, doubled."""
    time.sleep(payload.seconds)
    if payload.fails:
        raise Permanent(payload.fails)
    return 2 * payload.number


@job(queue=Queue.DEFAULT, payload=Whole)
def whole(job: RunningJob, payload: Whole) -> dict[str, int]:
    """Fan-out over the parts, fan-in of their sum, then one more child in a chain."""

    def ordered() -> list[Order]:
        return [
            part.order(Part(number=n, fails="broken" if n == payload.failing else "", seconds=payload.seconds))
            for n in range(payload.parts)
        ]

    total = sum(gather(job, "parts", ordered))
    [doubled] = gather(job, "double", lambda: [part.order(Part(number=total))])
    return {"total": total, "doubled": doubled}


class Deed(BaseModel, extra="forbid"):
    """An effect with a guarantee; `dies` is when the attempts before `until_attempt` kill themselves."""

    guarantee: Guarantee
    dies: str = ""
    until_attempt: int = 2


@job(queue=Queue.DEFAULT, payload=Deed)
def deed(job: RunningJob, payload: Deed) -> str:
    """Does something once: leaves a row for each time that it really did."""

    def act(key: str) -> str:
        Run.objects.create(job_id=job.id, attempt=job.attempt, ended=True)
        if payload.dies == "within" and job.attempt < payload.until_attempt:
            os.kill(os.getpid(), signal.SIGKILL)
        return key

    def once() -> str:
        return effect_once(job, "deed", act, guarantee=payload.guarantee)

    if payload.guarantee is Guarantee.EXACTLY_ONCE:
        with transaction.atomic():
            key = once()
    else:
        key = once()
    if payload.dies == "after" and job.attempt < payload.until_attempt:
        os.kill(os.getpid(), signal.SIGKILL)
    return key


class Costly(BaseModel, extra="forbid"):
    """Inputs of costly steps, one after another; the first attempt is killed after the second step."""

    inputs: list[int]


@job(queue=Queue.DEFAULT, payload=Costly)
def costly(job: RunningJob, payload: Costly) -> list[int]:
    """Doubles its inputs at great cost: leaves a row for each time that it really did."""

    def double(number: int) -> int:
        Run.objects.create(job_id=job.id, attempt=number, ended=True)
        return 2 * number

    doubled = []
    for number in payload.inputs:
        doubled.append(cached_step(job, "double", {"number": number}, partial(double, number)))
        if job.attempt == 1 and len(doubled) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
    return doubled


@job(queue=Queue.DEFAULT, payload=NoPayload, limit=RateLimit("testapp", per_second=5))
def limited(job: RunningJob, payload: NoPayload) -> None:
    """At most five starts a second, wherever they run."""
    Run.objects.create(job_id=job.id, attempt=job.attempt, ended=False)


@job(queue=Queue.DEFAULT, keep=Keep(succeeded=timedelta(hours=1), dead=timedelta(days=365)))
def fleeting(job: RunningJob, payload: NoPayload) -> None:
    """Of no interest an hour later, unless it failed."""


@job(queue=Queue.DEFAULT, payload=Nap, quota=3)
def rationed(job: RunningJob, payload: Nap) -> None:
    """At most three active ones for each owner."""


@shared_task(runs_on=Queue.DEFAULT)
def plain(seconds: float = 0) -> None:
    """A task of Celery's own kind."""
    time.sleep(seconds)
    Run.objects.create(job_id="00000000-0000-0000-0000-000000000000", attempt=0, ended=True)


def grab(megabytes: int, step: int) -> int:
    """Take memory step by step and touch it."""
    held = [b"x" * (step * 2**20) for _ in range(0, megabytes, step)]
    return len(held)


class Greed(BaseModel, extra="forbid"):
    """How much memory to take, and in which steps; both in MiB."""

    megabytes: int
    step: int = 1


@job(queue=Queue.DEFAULT, payload=Greed)
def greedy(job: RunningJob, payload: Greed) -> int:
    """Takes memory, and leaves its child's pid."""
    Run.objects.create(job_id=job.id, attempt=os.getpid(), ended=False)
    return grab(payload.megabytes, payload.step)


@shared_task(runs_on=Queue.DEFAULT)
def plain_greedy(megabytes: int) -> None:
    """The same as a task of Celery's own kind."""
    grab(megabytes, 1)


def run_out(*_: Any) -> None:
    raise MemoryError


@shared_task(runs_on=Queue.DEFAULT, on_success=run_out)
def plain_greedy_afterwards() -> None:
    """Runs out of memory when its body has ended."""


@shared_task(runs_on=Queue.DEFAULT)
def backend_pid() -> None:
    """Leaves the pid of its PostgreSQL connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        Run.objects.create(job_id="00000000-0000-0000-0000-000000000000", attempt=cursor.fetchone()[0], ended=True)
