"""What happens to a job as it happens, as server-sent events (HTML Living Standard, section 9.2).

A stream holds one of its web process's threads. So it lasts STREAM_SECONDS, then the client comes again and goes on
after the last event that it has seen; and where half of the threads are taken, it says what there is and asks the
client to come again later, which is polling.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from threading import BoundedSemaphore
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from jobs import selectors
from jobs.models import Job, JobEvent
from jobs.states import ENDED

# Seconds between two looks, and until a client comes again.
LOOK = 1.0
AGAIN, AGAIN_WHERE_CROWDED = 1.0, 5.0
# Events in one read.
PAGE = 100

_places = BoundedSemaphore(settings.STREAMS_MAX)

# How the event is shown.
Show = Callable[[JobEvent], Any]


def stream(read_job: Callable[[], Job], after: int, show: Show) -> Iterator[str]:
    """Blocks of the stream: `history` for each event after the one with this id, `progress`, and `end` once.

    Ends early when the job or the database has gone.
    """
    crowded = not _places.acquire(blocking=False)
    try:
        yield f"retry: {(AGAIN_WHERE_CROWDED if crowded else AGAIN) * 1_000:.0f}\n\n"
        yield from _follow(read_job, after, show, 0 if crowded else settings.STREAM_SECONDS)
    except Job.DoesNotExist:
        return
    except (OperationalError, InterfaceError):
        connection.close()
    finally:
        if not crowded:
            _places.release()


def _follow(read_job: Callable[[], Job], after: int, show: Show, seconds: float) -> Iterator[str]:
    until = time.monotonic() + seconds
    progress = None
    while True:
        # Before its events: those of a job that has ended are complete.
        job = read_job()
        for event in all_after(job, after):
            yield block("history", show(event), event.id)
            after = event.id
        if job.progress and job.progress != progress:
            progress = job.progress
            yield block("progress", progress)
        if job.state in ENDED:
            yield block("end", {"state": job.state})
            return
        if time.monotonic() + LOOK > until:
            return
        # Something, so that who has gone is noticed and proxies keep the connection.
        yield ":\n\n"
        time.sleep(LOOK)


def all_after(job: Job, after: int) -> Iterator[JobEvent]:
    """Every event of the job after the one with this id. Their ids are in the order of their commits."""
    while events := selectors.events_of(job, after=after, limit=PAGE):
        yield from events
        after = events[-1].id


def block(kind: str, data: Any, number: int | None = None) -> str:
    """One event. Its number comes back in `Last-Event-ID`."""
    lines = [f"event: {kind}", f"data: {json.dumps(data)}"]
    return "\n".join([f"id: {number}", *lines] if number else lines) + "\n\n"
