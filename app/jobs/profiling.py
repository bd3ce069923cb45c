"""Where a share of the attempts spend their time: JOB_PROFILE_SAMPLE of them leave a profile as a file of their job.

The profile names functions and seconds, nothing of the data. It is taken by looking at the stack now and then, which
costs a few percent, and seldom enough that the longest attempt does not fill the memory with it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from .running import RunningJob

log = structlog.get_logger(__name__)

# Looks at the stack in an attempt that uses up its time limit, and the shortest time between two, in seconds.
LOOKS_MAX = 20_000
INTERVAL_MIN = 0.001


@contextmanager
def sampled(job: RunningJob) -> Iterator[None]:
    """Profile what happens in the block, if chance chooses this attempt; also when it raises."""
    if random.random() >= settings.JOB_PROFILE_SAMPLE:  # noqa: S311  # chooses, hides nothing
        yield
        return
    # Loaded where it is used: nobody else should pay for it.
    from pyinstrument import Profiler

    profiler = Profiler(interval=max(job.remaining / LOOKS_MAX, INTERVAL_MIN), async_mode="disabled")
    profiler.start()
    try:
        yield
    finally:
        profiler.stop()
        _keep(job, profiler.output_text(unicode=True))


def _keep(job: RunningJob, profile: str) -> None:
    """A profile is not worth the attempt: without the database there is none."""
    try:
        job.save_file(f"profile-of-attempt-{job.attempt}.txt", "text/plain; charset=utf-8", profile.encode())
    except (DatabaseError, InterfaceError) as error:
        log.warning("the profile was not kept", error=str(error).strip())
