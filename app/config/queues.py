"""The one list of queues.

Everything that depends on a queue is derived from this list: Celery's queues, routes and limits, the worker's
arguments, the visibility timeout, the API's enum. The chart's `workers:` spells the same queues out for operators;
a guard test fails when the two differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, Self

Pool = Literal["prefork", "threads"]

# Seconds that a finish may wait for the database after the service's time is up.
FINISH_MARGIN = 90
# Seconds between the last possible end of an attempt and SIGKILL.
GRACE_MARGIN = 30
# Seconds before the end of the grace period at which a draining worker gives its running jobs back.
RELEASE_MARGIN = 15
# Seconds by which the broker's redelivery must outlast everything else.
VISIBILITY_MARGIN = 60


@dataclass(frozen=True, kw_only=True)
class Lane:
    """What a queue is for and how its workers run. Times are in seconds."""

    purpose: str
    never: str
    pool: Pool
    concurrency: int
    time_limit: int
    # How long work may wait before somebody should look.
    target: int = 120
    grace: int | None = None

    @property
    def hard_limit(self) -> int:
        """When Celery kills the attempt and its lease is renewed for the last time."""
        return self.time_limit + FINISH_MARGIN

    @property
    def grace_period(self) -> int:
        """How long a stopping worker may take: `terminationGracePeriodSeconds`.

        Long enough for every attempt to end, unless an operator cannot wait that long.
        """
        return self.grace or self.hard_limit + GRACE_MARGIN

    @property
    def visibility_timeout(self) -> int:
        """When the broker redelivers what was never acknowledged. Later than any living worker could still hold it."""
        return self.hard_limit + self.grace_period + VISIBILITY_MARGIN

    @property
    def takes_plain_tasks(self) -> bool:
        """Threads can be neither timed out nor killed, so only jobs, which have leases, run there."""
        return self.pool == "prefork"

    def override(self, *, concurrency: int | None, time_limit: int | None, grace: int | None) -> Lane:
        """The lane as one worker set runs it, where its environment says otherwise."""
        return replace(
            self,
            concurrency=concurrency or self.concurrency,
            time_limit=time_limit or self.time_limit,
            grace=grace or self.grace,
        )


class Queue(StrEnum):
    """A queue by name; `Queue.IO.lane` tells how it runs."""

    lane: Lane

    def __new__(cls, name: str, lane: Lane) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.lane = lane
        return member

    CRITICAL = (
        "critical",
        Lane(
            purpose="a person waits, under 5 seconds",
            never="anything that calls another system",
            pool="prefork",
            concurrency=2,
            time_limit=30,
            target=10,
        ),
    )
    DEFAULT = (
        "default",
        Lane(
            purpose="ordinary work and housekeeping",
            never="work that runs for minutes",
            pool="prefork",
            concurrency=2,
            time_limit=5 * 60,
        ),
    )
    IO = (
        "io",
        Lane(
            purpose="webhooks, mail, other APIs",
            never="plain tasks, work that needs the CPU, calls without a timeout",
            pool="threads",
            concurrency=8,
            time_limit=2 * 60,
            target=5 * 60,
        ),
    )
    HEAVY = (
        "heavy",
        Lane(
            purpose="reports and imports, per chunk",
            never="anything a person waits for",
            pool="prefork",
            concurrency=2,
            time_limit=30 * 60,
            target=15 * 60,
        ),
    )


DEFAULT_QUEUE = Queue.DEFAULT


def find(name: str) -> Queue | None:
    """The queue with this name."""
    return next((queue for queue in Queue if queue.value == name), None)
