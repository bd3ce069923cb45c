"""Whether work waits that nobody takes."""

from __future__ import annotations

import time
from dataclasses import dataclass

from jobs.selectors import QueueState

# Seconds that work may wait while nothing of its queue runs. Longer than a set of workers takes to come up from zero.
STALLED_AFTER = 120


@dataclass(frozen=True)
class Backlog:
    """What a queue holds, and for how many seconds its oldest job or message has waited."""

    state: QueueState
    age: float

    @property
    def is_stalled(self) -> bool:
        """Work has waited too long, and there is no sign of a worker: nothing runs and nothing was taken.

        A queue without work is never stalled, so a set of workers that is scaled to zero is healthy. A worker that
        died with a message of Celery's own kind is a sign until the broker gives that message out again.
        """
        taken = self.state.broker.in_flight if self.state.broker else 0
        return self.age > STALLED_AFTER and not taken and not self.state.running

    def __str__(self) -> str:
        waiting = max(self.state.waiting, self.state.broker.ready if self.state.broker else 0)
        return f"{self.state.queue} ({waiting} waiting, the oldest for {self.age:.0f} s)"


def backlog(state: QueueState) -> Backlog:
    """What waits, in rows and in messages: those of Celery's own kind have no row."""
    sent = state.broker.oldest if state.broker else None
    return Backlog(state, max(state.oldest_age or 0, time.time() - sent if sent else 0))
