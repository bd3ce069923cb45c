"""Imports as jobs, in a real database: batches, faults as a file, and what an import may meet."""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.db import DataError, IntegrityError, OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from examples.imports import services
from examples.imports.models import Airport, RowError
from examples.imports.rows import COLUMNS, AirportRow
from examples.imports.schemas import ImportRequest
from examples.imports.services import BATCH, FAULTS_LISTED
from examples.imports.tasks import import_airports
from jobs.models import File, Job
from jobs.running import RunningJob
from jobs.states import Reason, State

Upload = Callable[..., File]
Attempt = Callable[..., RunningJob]
Run = Callable[..., Job]

HEADER = "iata,name,city,state,country,latitude,longitude"


def airport(number: int, name: str = "Some Field") -> str:
    return f"{number:04},{name},Some City,TX,USA,30.5,-97.5"


def table(*rows: str) -> str:
    return "\n".join([HEADER, *rows])


def airports(count: int) -> str:
    return table(*(airport(number) for number in range(count)))


def result_of(job: Job) -> dict[str, Any]:
    assert isinstance(job.result, dict), job.error
    return job.result


def lines_of(file_id: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(bytes(File.objects.get(id=file_id).content).decode(), newline="")))


def stored() -> list[tuple[Any, ...]]:
    return list(Airport.objects.values_list("iata", "name", "city", "state", "country", "latitude", "longitude"))


@pytest.mark.covers(17)
def test_good_rows_are_stored_and_the_others_are_named_in_a_file(upload: Upload, run: Run, alice: User) -> None:
    file = upload(table(airport(1), "0002,,,TX,USA,91,-97.5", airport(3), "0004,cut off"))
    job = run(import_airports, ImportRequest(file=file.id))
    assert (job.state, job.error) == (State.SUCCEEDED, "")
    assert [iata for iata, *_ in stored()] == ["0001", "0003"]
    result = result_of(job)
    errors = result.pop("errors")
    assert result == {"imported": 2, "rejected": 2, "remarks": []}
    assert lines_of(errors) == [
        {"line": "3", "column": "name", "value": "''", "reason": "must be 1 to 100 characters without NUL"},
        {"line": "3", "column": "latitude", "value": "'91'", "reason": "must be degrees from -90 to 90, such as 31.95"},
        {
            "line": "5",
            "column": "",
            "value": "'0004,cut off'",
            "reason": "must have 7 fields, as many as the first line; it has 2",
        },
    ]
    kept = File.objects.get(id=errors)
    assert (kept.owner, kept.job_id, kept.name) == (alice, job.id, "errors.csv")
    assert not RowError.objects.exists()


def test_import_without_faults_has_no_errors_file(upload: Upload, run: Run) -> None:
    job = run(import_airports, ImportRequest(file=upload(airports(3)).id))
    assert job.result == {"imported": 3, "rejected": 0, "errors": None, "remarks": []}
    assert not File.objects.filter(job=job).exists()


def test_import_of_no_rows_says_so(upload: Upload, run: Run) -> None:
    job = run(import_airports, ImportRequest(file=upload(HEADER).id))
    assert job.state == State.SUCCEEDED
    assert (result_of(job)["imported"], result_of(job)["remarks"]) == (
        0,
        ["The file has no rows below its first line."],
    )


def test_guessed_encoding_and_ignored_columns_are_told(upload: Upload, run: Run) -> None:
    content = f"{HEADER},elevation\n0001,Zürich,,,Switzerland,47.46,8.55,432".encode("latin-1")
    job = run(import_airports, ImportRequest(file=upload(content).id))
    assert result_of(job)["imported"] == 1
    assert result_of(job)["remarks"] == [
        "The file is not UTF-8 and was read as Latin-1: look at letters with accents.",
        "Columns that nobody asked for were ignored: 'elevation'.",
    ]


def test_list_of_faults_is_capped_and_says_so(upload: Upload, run: Run) -> None:
    bad = FAULTS_LISTED + 50
    job = run(import_airports, ImportRequest(file=upload(table(*["\x01" * 40] * bad, airport(1))).id))
    assert (result_of(job)["imported"], result_of(job)["rejected"]) == (1, bad)
    assert result_of(job)["remarks"] == [f"The errors file lists the first {FAULTS_LISTED} of {bad} faults."]
    assert len(lines_of(result_of(job)["errors"])) == FAULTS_LISTED
    assert File.objects.get(id=result_of(job)["errors"]).size < settings.FILE_MAX_BYTES


def test_file_that_is_no_table_ends_the_job_with_a_sentence(upload: Upload, run: Run) -> None:
    job = run(import_airports, ImportRequest(file=upload("iata;name\nLAX;Los Angeles").id))
    assert (job.state, job.reason, job.failures) == (State.DEAD, Reason.FAILED, 1)
    assert job.error.startswith("Permanent: the file lacks the columns iata, name, city")


@pytest.mark.covers(36)
def test_import_of_a_deleted_file_ends_as_gone(upload: Upload, run: Run) -> None:
    file = upload(airports(1))
    gone = file.id
    file.delete()
    job = run(import_airports, ImportRequest(file=gone))
    assert (job.state, job.reason, job.result) == (State.SUCCEEDED, Reason.GONE, None)
    assert job.error == f"the file {gone} no longer exists"


def test_file_of_somebody_else_is_refused(upload: Upload, run: Run) -> None:
    foreign = upload(airports(1), owner=User.objects.create_user("bob"))
    job = run(import_airports, ImportRequest(file=foreign.id))
    assert (job.state, job.reason) == (State.DEAD, Reason.FAILED)
    assert "is not the job owner's" in job.error
    assert not Airport.objects.exists()


def test_job_without_an_owner_does_not_read_a_users_file(upload: Upload, run: Run) -> None:
    job = run(import_airports, ImportRequest(file=upload(airports(1)).id), owner=None)
    assert job.state == State.DEAD


@pytest.mark.covers(95)
def test_import_that_runs_twice_leaves_the_same_rows(upload: Upload, run: Run) -> None:
    file = upload(airports(BATCH + 10))
    first = run(import_airports, ImportRequest(file=file.id))
    rows = stored()
    second = run(import_airports, ImportRequest(file=file.id))
    assert stored() == rows
    assert first.result == second.result


def test_later_file_changes_known_airports(upload: Upload, run: Run) -> None:
    run(import_airports, ImportRequest(file=upload(table(airport(1), airport(2))).id))
    run(import_airports, ImportRequest(file=upload(table(airport(2, "New Name"), airport(3))).id))
    assert [(iata, name) for iata, name, *_ in stored()] == [
        ("0001", "Some Field"),
        ("0002", "New Name"),
        ("0003", "Some Field"),
    ]


def test_progress_counts_rows_of_all_rows(upload: Upload, run: Run) -> None:
    job = run(import_airports, ImportRequest(file=upload(table(airport(1), "bad", "", airport(2))).id))
    assert job.progress == {"current": 3, "total": 3, "unit": "rows", "message": "1 rejected"}


@pytest.mark.covers(89)
def test_queries_per_batch_are_few_and_do_not_grow_with_the_file(upload: Upload, attempt: Attempt) -> None:
    def statements_of(rows: int) -> int:
        request = ImportRequest(file=upload(airports(rows)).id)
        job = attempt(import_airports, request)
        with CaptureQueriesContext(connection) as queries:
            services.import_airports(request, job)
        assert count(queries, 'INSERT INTO "examples_airport"') == rows / BATCH
        # How often progress is written, and the look for a cancellation with it, depends on the time.
        return len(queries) - count(queries, '"progress" = ') - count(queries, '"cancel_requested"')

    small, large = statements_of(1_000), statements_of(10_000)
    # Begin, airports, checkpoint, commit. The rest is the file's row and the end.
    assert small <= 2 * 4 + 4
    assert large - small == 18 * 4


def count(queries: CaptureQueriesContext, part: str) -> int:
    return sum(part in query["sql"] for query in queries.captured_queries)


@pytest.mark.covers(17)
def test_real_airports_are_imported_without_a_fault(upload: Upload, run: Run, real_airports: bytes) -> None:
    job = run(import_airports, ImportRequest(file=upload(real_airports).id))
    assert job.result == {"imported": 3_376, "rejected": 0, "errors": None, "remarks": []}
    assert Airport.objects.count() == 3_376
    # The source writes NA where it does not know the city or the state; the airport itself is well known.
    assert not Airport.objects.filter(state="NA").exists()
    assert set(Airport.objects.filter(state="").values_list("iata", "city")) == {
        (iata, "") for iata in ["CLD", "HHH", "MIB", "MQT", "RCA", "RDR", "ROP", "ROR", "SCE", "SKA", "SPN", "YAP"]
    }


@pytest.mark.parametrize(
    "fault",
    [
        {"iata": "lax"},
        {"name": ""},
        {"state": "CALI"},
        {"state": "=1"},
        {"country": ""},
        {"latitude": 90.5},
        {"latitude": float("nan")},
        {"longitude": -181},
        {"iata": "JFK"},
    ],
)
@pytest.mark.django_db
def test_database_itself_refuses_what_is_no_airport(fault: dict[str, Any]) -> None:
    good = {"iata": "LAX", "name": "Los Angeles", "country": "USA", "latitude": 33.94, "longitude": -118.41}
    Airport.objects.create(**{**good, "iata": "JFK"})
    with pytest.raises((IntegrityError, DataError)):
        Airport.objects.create(**{**good, **fault})


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_the_same_airports_in_opposite_order_do_not_deadlock(transactional_db: None) -> None:
    forth = [
        AirportRow.model_validate(dict(zip(COLUMNS, airport(number).split(","), strict=True)))
        for number in range(BATCH)
    ]
    failures: list[Exception] = []

    def upsert_again_and_again(rows: list[AirportRow]) -> None:
        try:
            for _ in range(20):
                services.upsert(rows)
        except OperationalError as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=upsert_again_and_again, args=[rows]) for rows in (forth, forth[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
