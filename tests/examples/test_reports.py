"""Reports as jobs, in a real database."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from config.queues import Queue
from examples.imports.models import Airport
from examples.imports.rows import COLUMNS, AirportRow, read_airports
from examples.imports.schemas import ImportRequest
from examples.imports.services import upsert
from examples.imports.tables import open_table
from examples.imports.tasks import import_airports
from examples.reports import services
from examples.reports.schedules import DAILY_DIGEST
from examples.reports.tasks import airports_per_state, count_airports
from jobs import outcomes
from jobs.execution import finish
from jobs.models import Effect, File, Job
from jobs.registry import NoPayload
from jobs.running import RunningJob, Waiting
from jobs.states import Reason, State
from jobs.workflows import wake_parents
from schedules.declarations import declared
from tests.integration.conftest import Stack
from tests.polling import wait_for

Upload = Callable[..., File]
Attempt = Callable[..., RunningJob]
Run = Callable[..., Job]
RunQueued = Callable[[UUID], Job]


def result_of(job: Job) -> dict[str, Any]:
    assert isinstance(job.result, dict), job.error
    return job.result


def report_of(job: Job) -> list[list[str]]:
    return list(csv.reader(StringIO(bytes(File.objects.get(id=result_of(job)["file"]).content).decode(), newline="")))


def have(*places: tuple[str, str]) -> None:
    Airport.objects.bulk_create(
        Airport(iata=f"{number:04}", name="Field", state=state, country=country, latitude=0, longitude=0)
        for number, (state, country) in enumerate(places)
    )


def test_report_counts_the_states_airports_most_first(run: Run, alice: User) -> None:
    have(("TX", "USA"), ("AK", "USA"), ("AK", "USA"), ("CA", "USA"), ("", "USA"), ("NSW", "Australia"))
    job = run(airports_per_state, NoPayload())
    assert job.state == State.SUCCEEDED
    assert report_of(job) == [["state", "airports"], ["AK", "2"], ["CA", "1"], ["TX", "1"]]
    file = File.objects.get(id=result_of(job)["file"])
    assert result_of(job) == {"states": 3, "airports": 4, "unknown": 1, "file": str(file.id)}
    assert (file.owner, file.job_id, file.name) == (alice, job.id, "airports-per-state.csv")


def test_report_of_nothing_has_a_first_line_alone(run: Run) -> None:
    job = run(airports_per_state, NoPayload())
    assert report_of(job) == [["state", "airports"]]
    assert (result_of(job)["states"], result_of(job)["airports"], result_of(job)["unknown"]) == (0, 0, 0)


@pytest.mark.covers(17)
def test_report_of_the_real_airports(upload: Upload, run: Run, real_airports: bytes) -> None:
    run(import_airports, ImportRequest(file=upload(real_airports).id))
    job = run(airports_per_state, NoPayload())
    report = report_of(job)
    assert report[:6] == [
        ["state", "airports"],
        ["AK", "263"],
        ["TX", "209"],
        ["CA", "205"],
        ["OK", "102"],
        ["FL", "100"],
    ]
    assert len(report) == 57
    # Of 3,376 airports four lie elsewhere, and of eight the source does not know the state.
    assert (result_of(job)["states"], result_of(job)["airports"], result_of(job)["unknown"]) == (56, 3_364, 8)
    assert sum(int(airports) for _, airports in report[1:]) == 3_364


def counted(attempt: Attempt, run_queued: RunQueued) -> RunningJob:
    """The second attempt of a report whose chunks have been counted."""
    first = attempt(airports_per_state, NoPayload())
    with pytest.raises(Waiting):
        services.airports_per_state(first, count_airports)
    assert finish(Job.objects.get(id=first.id), outcomes.waiting())
    for child in Job.objects.filter(parent=first.id):
        run_queued(child.id)
    assert wake_parents([first.id])
    return attempt(airports_per_state, NoPayload(), again=first)


@pytest.mark.covers(101)
def test_report_killed_after_its_commit_makes_no_second_file(attempt: Attempt, run_queued: RunQueued) -> None:
    have(("TX", "USA"))
    killed = counted(attempt, run_queued)
    result = services.airports_per_state(killed, count_airports)
    row = Job.objects.get(id=killed.id)
    assert finish(row, outcomes.lost(row, Reason.LOST, "the worker vanished"))
    again = attempt(airports_per_state, NoPayload(), again=killed)
    assert services.airports_per_state(again, count_airports) == result
    assert File.objects.filter(job_id=killed.id).count() == 1


@pytest.mark.covers(25)
def test_report_is_the_sum_of_chunks_that_children_count(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "CHUNK_SIZE", 2)
    have(("TX", "USA"), ("AK", "USA"), ("AK", "USA"), ("", "USA"), ("TX", "USA"), ("AK", "USA"), ("NSW", "Australia"))
    job = run(airports_per_state, NoPayload())
    parts = [child.result for child in Job.objects.filter(parent=job).order_by("position")]
    assert parts == [{"AK": 1, "TX": 1}, {"": 1, "AK": 1}, {"AK": 1, "TX": 1}, {}]
    assert report_of(job) == [["state", "airports"], ["AK", "3"], ["TX", "2"]]
    assert result_of(job)["airports"] + result_of(job)["unknown"] == sum(sum(part.values()) for part in parts)


@pytest.mark.covers(91)
def test_airports_are_cut_into_chunks_once_for_all_attempts(attempt: Attempt, run_queued: RunQueued) -> None:
    have(("TX", "USA"), ("AK", "USA"))
    second = counted(attempt, run_queued)
    assert Effect.objects.filter(job_id=second.id, happened=True).count() == 1
    with CaptureQueriesContext(connection) as queries:
        services.airports_per_state(second, count_airports)
    assert not [query["sql"] for query in queries if "ROW_NUMBER" in query["sql"]]


@pytest.mark.covers(25)
def test_digest_of_the_real_airports_on_a_worker_whose_child_is_killed(stack: Stack, real_airports: bytes) -> None:
    table = open_table(real_airports, COLUMNS)
    upsert([row for row in read_airports(table) if isinstance(row, AirportRow)])
    worker = stack.worker(Queue.HEAVY)
    stack.relay()
    job = airports_per_state.enqueue(NoPayload())
    wait_for(lambda: Job.objects.filter(parent=job).exists(), 30, what="the chunks were asked for")
    for child in stack.children(worker):
        os.kill(child, signal.SIGKILL)
    ended = stack.ended([job], 40)[job.id]
    assert Job.objects.filter(parent=job, state=State.SUCCEEDED).count() == 4
    assert (result_of(ended)["states"], result_of(ended)["airports"], result_of(ended)["unknown"]) == (56, 3_364, 8)


@pytest.mark.covers(20)
def test_digest_is_made_daily_and_expires_within_the_hour() -> None:
    assert DAILY_DIGEST in declared()
    assert DAILY_DIGEST.job is airports_per_state
    assert (DAILY_DIGEST.crontab, DAILY_DIGEST.timezone) == ("0 6 * * *", "UTC")
    assert DAILY_DIGEST.expires == timedelta(hours=1)
