"""A canary through every queue: from a row to a worker and back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from config.queues import Queue
from jobs import services
from jobs.models import Job
from jobs.registry import NoPayload
from jobs.states import ENDED, State

from .findings import Finding, Verdict
from .fingerprint import fingerprint
from .tasks import CANARIES

POLL = 0.1
ANOTHER_VERSION = "runs other queues, job types or timers than this process; deploy both from one version and values"


def run(seconds: float) -> Iterator[Finding]:
    """Send all canaries at once, wait for them, and say of each what became of it, the earliest first.

    Those that have not answered after `seconds` are cancelled, so that they surprise nobody later.
    """
    until = time.monotonic() + seconds
    expires_at = timezone.now() + timedelta(seconds=seconds)
    sent = {
        canary.enqueue(NoPayload(), label="smoke test", expires_at=expires_at).id: queue
        for queue, canary in CANARIES.items()
    }
    while sent and time.monotonic() < until:
        for job in Job.objects.filter(id__in=sent, state__in=ENDED).order_by("finished_at"):
            yield _judged(sent.pop(job.id), job)
        time.sleep(POLL)
    for job in Job.objects.filter(id__in=sent):
        if job.state in ENDED:
            yield _judged(sent[job.id], job)
        else:
            services.cancel(job.id)
            yield Finding(sent[job.id], Verdict.FAULT, *_silence(job, seconds))


def _judged(queue: Queue, job: Job) -> Finding:
    if job.state != State.SUCCEEDED or not job.started_at or not job.finished_at:
        return Finding(queue, Verdict.FAULT, f"the canary is {job.state} ({job.reason}) {job.error}".rstrip())
    waited, ran = job.started_at - job.created_at, job.finished_at - job.started_at
    seen = f"started after {waited.total_seconds():.2f} s, ended {ran.total_seconds():.2f} s later"
    answer: dict[str, str] = job.result or {}
    if answer.get("fingerprint") != fingerprint():
        return Finding(queue, Verdict.FAULT, f"{seen}, but {answer.get('worker')} {ANOTHER_VERSION}")
    return Finding(queue, Verdict.OK, f"{seen}, on {answer['worker']}")


def _silence(job: Job, seconds: float) -> tuple[str, str]:
    """Why a canary has not answered, as far as its row tells, and what to look at."""
    if job.state == State.RUNNING:
        return f"taken by {job.worker}, which has not ended it within {seconds:g} s", "look at that worker's log"
    if job.dispatched_at is None:
        return f"not sent within {seconds:g} s", "is the broker reachable (manage.py doctor), and does the relay run?"
    return f"sent, and no worker took it within {seconds:g} s", f"is there a worker with WORKER_QUEUE={job.queue}?"
