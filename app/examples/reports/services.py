"""Making reports."""

from __future__ import annotations

import csv
from io import StringIO

from django.db import transaction

from jobs.running import RunningJob

from . import selectors
from .schemas import ReportResult


def airports_per_state(job: RunningJob) -> ReportResult:
    """Count the airports of each state of the United States and keep the counts as a CSV file.

    The file and the checkpoint with the result commit together: an attempt after that one makes no second file.
    """
    if job.checkpoint:
        return ReportResult.model_validate(job.checkpoint)
    counts = selectors.airports_per_state()
    lines = [(state, airports) for state, airports in counts if state]
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(["state", "airports"])
    writer.writerows(lines)
    with transaction.atomic():
        file = job.save_file("airports-per-state.csv", "text/csv; charset=utf-8", text.getvalue().encode())
        result = ReportResult(
            states=len(lines),
            airports=sum(airports for _, airports in lines),
            unknown=dict(counts).get("", 0),
            file=file.id,
        )
        job.save_checkpoint(result.model_dump(mode="json"))
    return result
