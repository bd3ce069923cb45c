"""Waiting out a database that is away, and ending a service that runs too long."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection

from .running import TimeLimitReached

log = structlog.get_logger(__name__)

T = TypeVar("T")


def patiently(action: Callable[[], T], *, until: float) -> T:
    """Do `action`, again every 1 to 5 seconds while the database is away, until `until` (monotonic seconds).

    `action` must be safe to repeat: a connection can break after its commit.
    """
    wait = 1.0
    while True:
        try:
            return action()
        except (OperationalError, InterfaceError) as error:
            connection.close()
            if time.monotonic() + wait > until:
                raise
            log.warning("database unreachable, trying again", seconds=round(wait, 1), error=str(error).strip())
            time.sleep(wait)
            wait = min(wait * 1.5, 5) * random.uniform(0.8, 1)  # noqa: S311


@contextmanager
def time_limited(seconds: float) -> Iterator[None]:
    """Raise TimeLimitReached inside the block when it has run for `seconds`.

    Only the main thread can be interrupted; elsewhere a job meets its limit at its next progress call.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise TimeLimitReached

    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
