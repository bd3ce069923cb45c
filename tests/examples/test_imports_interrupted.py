"""Imports whose process ends in the middle, or that are cancelled there: what is kept, and where the next goes on."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from examples.imports import services
from examples.imports.models import Airport, RowError
from examples.imports.schemas import ImportRequest
from examples.imports.services import BATCH
from examples.imports.tasks import import_airports
from jobs import outcomes
from jobs.execution import finish
from jobs.models import File, Job
from jobs.running import Cancelled, RunningJob
from jobs.services import cancel
from jobs.states import Reason
from tests.examples.test_imports_jobs import Attempt, Upload, airport, airports, count, lines_of, table


class Killed(BaseException):
    """Stands for the end of the process."""


class DiesBetweenBatches(RunningJob):
    """Its process ends when two batches are committed."""

    def progress(self, current: int, total: int | None = None, unit: str = "", message: str = "") -> None:
        super().progress(current, total, unit, message)
        if current == 2 * BATCH:
            raise Killed


class DiesInsideABatch(RunningJob):
    """Its process ends in the third batch's transaction, after its last statement."""

    def save_checkpoint(self, checkpoint: Any) -> None:
        super().save_checkpoint(checkpoint)
        if checkpoint["rows"] > 2 * BATCH:
            raise Killed


def lose(job: RunningJob) -> None:
    """What the reaper does when the attempt's lease has run out, with the message's way back left out."""
    row = Job.objects.get(id=job.id)
    assert finish(row, outcomes.lost(row, Reason.LOST, "the worker vanished"))


@pytest.mark.covers(40, 101)
@pytest.mark.parametrize("dies", [DiesBetweenBatches, DiesInsideABatch])
def test_killed_import_goes_on_after_the_last_finished_batch(
    upload: Upload, attempt: Attempt, dies: type[RunningJob]
) -> None:
    bad = [1, BATCH + 1, 2 * BATCH + 1]
    rows = ["bad" if number in bad else airport(number) for number in range(4 * BATCH + 1)]
    request = ImportRequest(file=upload(table(*rows)).id)
    killed = attempt(import_airports, request, running=dies)
    with pytest.raises(Killed):
        services.import_airports(request, killed)
    assert Airport.objects.count() == 2 * BATCH - 2
    assert list(RowError.objects.values_list("line", flat=True)) == [3, BATCH + 3]

    lose(killed)
    with CaptureQueriesContext(connection) as queries:
        result = services.import_airports(request, attempt(import_airports, request, again=killed))
    assert count(queries, 'INSERT INTO "examples_airport"') == 3
    assert (result.imported, result.rejected) == (len(rows) - 3, 3)
    assert Airport.objects.count() == len(rows) - 3
    assert [line["line"] for line in lines_of(str(result.errors))] == [str(number + 2) for number in bad]


@pytest.mark.covers(101)
def test_duplicate_is_found_across_a_kill(upload: Upload, attempt: Attempt) -> None:
    rows = [airport(number) for number in range(2 * BATCH)] + [airport(0, "Twice")]
    request = ImportRequest(file=upload(table(*rows)).id)
    killed = attempt(import_airports, request, running=DiesBetweenBatches)
    with pytest.raises(Killed):
        services.import_airports(request, killed)
    lose(killed)
    result = services.import_airports(request, attempt(import_airports, request, again=killed))
    assert result.rejected == 1
    assert Airport.objects.get(iata="0000").name == "Some Field"


@pytest.mark.covers(101)
def test_import_killed_after_its_last_commit_makes_no_second_file(upload: Upload, attempt: Attempt) -> None:
    file = upload(table(airport(1), "bad"))
    request = ImportRequest(file=file.id)
    killed = attempt(import_airports, request)
    result = services.import_airports(request, killed)
    lose(killed)
    file.delete()
    assert services.import_airports(request, attempt(import_airports, request, again=killed)) == result
    assert File.objects.filter(job_id=killed.id).count() == 1


def test_cancelled_import_keeps_its_finished_batches(upload: Upload, attempt: Attempt) -> None:
    class CancelledInTheSecondBatch(RunningJob):
        def save_checkpoint(self, checkpoint: Any) -> None:
            if checkpoint["rows"] > BATCH:
                cancel(self.id)
            super().save_checkpoint(checkpoint)

    request = ImportRequest(file=upload(airports(3 * BATCH)).id)
    with pytest.raises(Cancelled):
        services.import_airports(request, attempt(import_airports, request, running=CancelledInTheSecondBatch))
    assert Airport.objects.count() == BATCH


def test_faults_of_an_import_that_never_ended_go_with_its_job(upload: Upload, attempt: Attempt) -> None:
    request = ImportRequest(file=upload(table(*["bad"] * 3 * BATCH)).id)
    killed = attempt(import_airports, request, running=DiesBetweenBatches)
    with pytest.raises(Killed):
        services.import_airports(request, killed)
    assert RowError.objects.count() == 2 * BATCH
    Job.objects.filter(id=killed.id).delete()
    assert not RowError.objects.exists()
