"""Making reports: cut into chunks that are counted apart, and put together."""

from __future__ import annotations

import csv
from collections import Counter
from io import StringIO
from itertools import zip_longest

from django.db import transaction

from jobs.effects import cached_step
from jobs.orders import Order
from jobs.registry import JobType
from jobs.running import RunningJob
from jobs.workflows import gather

from . import selectors
from .schemas import Chunk, ReportResult

# Airports that one child counts.
CHUNK_SIZE = 1_000


def airports_per_state(job: RunningJob, count_airports: JobType[Chunk]) -> ReportResult:
    """Count the airports of each state of the United States and keep the counts as a CSV file.

    Runs twice: until the chunks are asked for, and when they are counted. The file and the checkpoint with the result
    commit together: an attempt after that one makes no second file.
    """
    if job.checkpoint:
        return ReportResult.model_validate(job.checkpoint)
    # Costly, and above `gather`, where every attempt passes: done once.
    starts: list[int] = cached_step(job, "chunks", {"size": CHUNK_SIZE}, lambda: selectors.chunk_starts(CHUNK_SIZE))

    def chunks() -> list[Order]:
        bounds = zip_longest(starts, starts[1:])
        return [count_airports.order(Chunk(first=first, before=before)) for first, before in bounds]

    counts: Counter[str] = Counter()
    for counted in gather(job, "counts", chunks):
        counts.update(counted)
    return _conclude(job, counts)


def count_airports(chunk: Chunk) -> dict[str, int]:
    """The airports of a chunk by state."""
    return selectors.airports_per_state(chunk.first, chunk.before)


def _conclude(job: RunningJob, counts: Counter[str]) -> ReportResult:
    unknown = counts.pop("", 0)
    lines = sorted(counts.items(), key=lambda line: (-line[1], line[0]))
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(["state", "airports"])
    writer.writerows(lines)
    with transaction.atomic():
        file = job.save_file("airports-per-state.csv", "text/csv; charset=utf-8", text.getvalue().encode())
        result = ReportResult(states=len(counts), airports=counts.total(), unknown=unknown, file=file.id)
        job.save_checkpoint(result.model_dump(mode="json"))
    return result
