"""Statements of our own that return jobs. Two run for every attempt, so they do without what the ORM does for each.

They are prepared once per connection, and a job is made of the columns that the statement returns; the others are
deferred, as with `QuerySet.only`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import psycopg
from django.db import connection

from .models import Job

# What whoever moved a job needs to know of it then.
COLUMNS = (
    "id", "type", "queue", "state", "reason", "owner_id", "attempt", "failures", "losses", "worker", "dispatch",
    "dispatched_at", "cancel_requested", "parent_id", "run_at", "request_id",
)  # fmt: skip
_JSON = {"payload", "result", "progress", "checkpoint"}
_PLACES = {field.column: place for place, field in enumerate(Job._meta.concrete_fields)}


def rows_from(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run the statement in the current transaction, if any, and return its rows. Raises Django's database errors."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, values, prepare=True)
        return cursor.fetchall()


def jobs_from(statement: str, values: Sequence[Any], columns: tuple[str, ...]) -> list[Job]:
    """As `rows_from`, where a row has these columns of a job."""
    return as_jobs(rows_from(statement, values), columns)


def as_jobs(rows: list[tuple[Any, ...]], columns: tuple[str, ...]) -> list[Job]:
    """Rows with these columns as jobs; other columns are deferred."""
    names, order = _layout(columns)
    return [Job.from_db(connection.alias, names, [read(row[place]) for place, read in order]) for row in rows]


@cache
def _layout(columns: tuple[str, ...]) -> tuple[list[str], list[tuple[int, Callable[[Any], Any]]]]:
    """The names of the columns' fields, and in the fields' order each one's place in the row and how to read it."""
    ordered = sorted(range(len(columns)), key=lambda place: _PLACES[columns[place]])
    names = [Job._meta.concrete_fields[_PLACES[columns[place]]].attname for place in ordered]
    return names, [(place, _json if columns[place] in _JSON else _plain) for place in ordered]


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _plain(value: Any) -> Any:
    return value
