"""Reports as jobs, in a real database."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest

from accounts.models import User
from examples.imports.models import Airport
from examples.imports.schemas import ImportRequest
from examples.imports.tasks import import_airports
from examples.reports import services
from examples.reports.schedules import DAILY_DIGEST
from examples.reports.tasks import airports_per_state
from jobs import outcomes
from jobs.execution import finish
from jobs.models import File, Job
from jobs.registry import NoPayload
from jobs.running import RunningJob
from jobs.states import Reason, State
from schedules.declarations import declared

Upload = Callable[..., File]
Attempt = Callable[..., RunningJob]
Run = Callable[..., Job]


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


@pytest.mark.covers(101)
def test_report_killed_after_its_commit_makes_no_second_file(attempt: Attempt) -> None:
    have(("TX", "USA"))
    killed = attempt(airports_per_state, NoPayload())
    result = services.airports_per_state(killed)
    row = Job.objects.get(id=killed.id)
    assert finish(row, outcomes.lost(row, Reason.LOST, "the worker vanished"))
    assert services.airports_per_state(attempt(airports_per_state, NoPayload(), again=killed)) == result
    assert File.objects.filter(job_id=killed.id).count() == 1


@pytest.mark.covers(20)
def test_digest_is_made_daily_and_expires_within_the_hour() -> None:
    assert DAILY_DIGEST in declared()
    assert DAILY_DIGEST.job is airports_per_state
    assert (DAILY_DIGEST.crontab, DAILY_DIGEST.timezone) == ("0 6 * * *", "UTC")
    assert DAILY_DIGEST.expires == timedelta(hours=1)
