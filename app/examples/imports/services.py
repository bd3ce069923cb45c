"""Importing airports, so that a killed import goes on where it stopped and a repeated one changes nothing.

Each batch is one transaction: its airports, its faults and the checkpoint that says so commit together or not at all.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import chain, islice
from uuid import UUID

from django.db import transaction

from jobs.models import File
from jobs.running import RunningJob

from . import selectors
from .models import Airport, RowError
from .rows import COLUMNS, AirportRow, Fault, Rejected, read_airports, shown
from .schemas import ImportRequest, ImportResult, Position
from .tables import Table, open_table

# Rows per transaction: few enough to lose little to a kill, many enough that the round trips do not count.
BATCH = 500
# Faults that are listed. A file with more has one cause for most of them; and the list must stay a file of fair size.
FAULTS_LISTED = 10_000

Row = AirportRow | Rejected


def import_airports(request: ImportRequest, job: RunningJob) -> ImportResult:
    """Add or change the airports of an uploaded CSV file; good rows are kept whatever the others are.

    Raises Permanent when the file is no such table or not the owner's, Gone when it was deleted.
    """
    position = Position.model_validate(job.checkpoint or {})
    if position.result:
        return position.result
    table = open_table(bytes(selectors.uploaded(request.file, owner_id=job.owner_id).content), COLUMNS)
    total = sum(1 for _ in table.records())
    for batch in _batches(islice(read_airports(table), position.rows, None)):
        with transaction.atomic():
            position = _store(batch, position, job.id)
            job.save_checkpoint(position.model_dump(mode="json"))
        job.progress(position.rows, total, "rows", f"{position.rejected} rejected")
    return _conclude(table, position, job)


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _store(batch: Sequence[Row], position: Position, job_id: UUID) -> Position:
    """Write a batch, with one statement for its airports and one for its faults. Returns how far the import is now."""
    airports = [row for row in batch if isinstance(row, AirportRow)]
    faults = list(chain.from_iterable(row.faults for row in batch if isinstance(row, Rejected)))
    upsert(airports)
    _list_faults(faults[: max(FAULTS_LISTED - position.faults, 0)], job_id)
    return Position(
        rows=position.rows + len(batch),
        imported=position.imported + len(airports),
        rejected=position.rejected + len(batch) - len(airports),
        faults=position.faults + len(faults),
    )


def upsert(rows: Sequence[AirportRow]) -> None:
    """Add what is new and change what is known. In order of the key, so that two imports do not deadlock."""
    Airport.objects.bulk_create(
        [Airport(**row.model_dump()) for row in sorted(rows, key=lambda row: row.iata)],
        update_conflicts=True,
        unique_fields=["iata"],
        update_fields=[column for column in COLUMNS if column != "iata"],
    )


def _list_faults(faults: Sequence[Fault], job_id: UUID) -> None:
    RowError.objects.bulk_create([RowError(job_id=job_id, **fault._asdict()) for fault in faults])


def _conclude(table: Table, position: Position, job: RunningJob) -> ImportResult:
    """Turn the faults into a file. The checkpoint keeps the result, so that an attempt after this one adds nothing."""
    with transaction.atomic():
        errors = _save_errors(job) if position.faults else None
        result = ImportResult(
            imported=position.imported,
            rejected=position.rejected,
            errors=errors.id if errors else None,
            remarks=_remarks(table, position),
        )
        job.save_checkpoint(position.model_copy(update={"result": result}).model_dump(mode="json"))
    return result


def _save_errors(job: RunningJob) -> File:
    text = StringIO()
    writer = csv.writer(text)
    listed = RowError.objects.filter(job_id=job.id)
    writer.writerow(Fault._fields)
    writer.writerows(listed.values_list(*Fault._fields))
    listed.delete()
    return job.save_file("errors.csv", "text/csv; charset=utf-8", text.getvalue().encode())


def _remarks(table: Table, position: Position) -> list[str]:
    remarks = []
    if table.encoding == "latin-1":
        remarks.append("The file is not UTF-8 and was read as Latin-1: look at letters with accents.")
    if ignored := [column for column in table.columns if column not in COLUMNS]:
        remarks.append(f"Columns that nobody asked for were ignored: {shown(', '.join(ignored))}.")
    if not position.rows:
        remarks.append("The file has no rows below its first line.")
    if position.faults > FAULTS_LISTED:
        remarks.append(f"The errors file lists the first {FAULTS_LISTED} of {position.faults} faults.")
    return remarks
