"""What the engine counts: jobs made and sent, and how attempts end (`counting`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client import Counter as PrometheusCounter

from config.metrics import (
    BEAT,
    RELAY,
    RUN_BUCKETS,
    WAIT_BUCKETS,
    WEB,
    WORKER,
    add,
    counter,
    gauge,
    histogram,
    on,
)

JOB = ["queue", "type"]

ENQUEUED = counter("jobs_enqueued_total", "Jobs that were made.", JOB, WEB, WORKER, BEAT, RELAY)
DISPATCH_FAILURES = counter(
    "jobs_dispatch_failures_total",
    "Messages of jobs that could not be pushed because Redis was away; the relay sends them later.",
    ["queue"],
    WEB,
    WORKER,
    BEAT,
    RELAY,
)
REDISPATCHED = counter(
    "jobs_redispatched_total",
    "Jobs whose message was lost and sent again: by the relay or, where a child ended before it claimed, its worker.",
    ["queue"],
    WORKER,
    RELAY,
)
ATTEMPTS = counter(
    "jobs_attempts_total",
    "Attempts by their end: succeeded, failed (to be tried again), dead (not to be), lost (to be tried again), "
    "released, cancelled, waiting (for children), limited (by a rate limit). The relay counts for vanished workers.",
    [*JOB, "end"],
    WORKER,
    RELAY,
)
FAILURES = counter(
    "jobs_failures_total",
    "Attempts that failed, whether the job is tried again or dead: failed, timeout, invalid or unknown_type.",
    [*JOB, "reason"],
    WORKER,
)
LOSSES = counter(
    "jobs_losses_total",
    "Attempts whose process vanished (lost) or ran out of memory (memory), whether the job is tried again or dead.",
    [*JOB, "reason"],
    WORKER,
    RELAY,
)
RETRIES = counter("jobs_retries_total", "Attempts after which the job is tried again.", JOB, WORKER, RELAY)
WAIT = histogram(
    "jobs_wait_seconds",
    "Seconds from the moment at which a job could start to its first attempt, by PostgreSQL's clock.",
    JOB,
    WAIT_BUCKETS,
    WORKER,
    RELAY,
)
RUN = histogram(
    "jobs_run_seconds",
    "Seconds that an attempt's body took, unless its process was gone at the end.",
    JOB,
    RUN_BUCKETS,
    WORKER,
)
SLOTS = gauge("jobs_worker_slots", "Attempts and tasks that this worker runs at a time, at most.", ["queue"], WORKER)
BUSY = gauge("jobs_worker_slots_busy", "Attempts and tasks that it runs now.", ["queue"], WORKER)
SWEPT = counter(
    "jobs_swept_total", "Jobs that the relay sent: those that came due, and those that their maker did not send.",
    ["queue"], RELAY,
)  # fmt: skip
REAPED = counter("jobs_reaped_total", "Attempts that the relay gave up: their lease ran out.", ["queue"], RELAY)
LAST_ROUND = gauge("jobs_relay_last_round_timestamp_seconds", "When the relay last did a round to its end.", [], RELAY)


def count_by_queue(metric: PrometheusCounter, queues: Iterable[str]) -> None:
    """Add one for each queue given, as often as it is given."""
    if on():
        for queue, number in Counter(queues).items():
            add(metric, number, queue)


def count_enqueued(made: Counter[tuple[str, str]]) -> None:
    """Count jobs that were made, by queue and type. Called after the commit."""
    for (queue, type_name), number in made.items():
        add(ENQUEUED, number, queue, type_name)
