"""What happens after an attempt that raised, and after a job that ended."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


class Transient(Exception):
    """A failure that a later attempt may not meet. Raise it, or name other exceptions in `Retry(on=…)`.

    `retry_after`, in seconds, overrules the policy's delay, as a remote system asks.
    """

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Permanent(Exception):
    """A failure that no attempt can mend: the job is dead at once."""


class Gone(Exception):
    """What the job was about no longer exists: there is nothing left to do, which is no failure."""


@dataclass(frozen=True)
class Retry:
    """How often and when a failed job is tried again. What is neither `Transient` nor in `on` is not retried.

    The delay before attempt n + 1 is `first * 2 ** (n - 1)` seconds, at most `longest`, of which a random part of up
    to half is taken away so that jobs which failed together do not return together.
    """

    attempts: int = 5
    on: Sequence[type[Exception]] = ()
    first: float = 2
    longest: float = 600

    def delay(self, error: BaseException, failures: int) -> float | None:
        """Seconds until the next attempt after this many failures; None when there shall be none."""
        if failures >= self.attempts or not isinstance(error, (Transient, *self.on)):
            return None
        if isinstance(error, Transient) and error.retry_after is not None:
            return error.retry_after
        full: float = min(self.first * 2 ** (failures - 1), self.longest)
        return full * random.uniform(0.5, 1)  # noqa: S311  # spreads load, hides nothing


@dataclass(frozen=True)
class Keep:
    """How long ended jobs of a type are kept, where JOB_RETENTION_* of their state is not right for it."""

    succeeded: timedelta | None = None
    dead: timedelta | None = None
    cancelled: timedelta | None = None


def loss_delay(losses: int, with_neighbours: bool) -> float:
    """Seconds until a lost job is tried again: at once, but spread out when its neighbours were lost with it.

    One of them may be the cause; jobs that return together would be lost together again.
    """
    return random.uniform(0, 5 * losses) if with_neighbours else 0  # noqa: S311
