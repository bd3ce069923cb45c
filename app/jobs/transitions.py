"""The guarded updates that every promise rests on.

`move` is the only way a job changes state: one statement that updates the rows which are still in the expected state
(and attempt), adds an event for each, and returns them. No row returned means that somebody else was faster.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from .models import Job, JobEvent
from .rows import COLUMNS, jobs_from
from .states import TRANSITIONS, EventKind, State

JSON_COLUMNS = ("result", "progress", "checkpoint")
# What an attempt holds, given up by every transition out of running.
UNHELD = {"worker": "", "pid": None, "lease_expires_at": None, "slot_at": None}


class SQL:
    """An expression on the row, with its values."""

    def __init__(self, text: str, *values: Any) -> None:
        self.text = text
        self.values = values


def now(seconds: float = 0) -> SQL:
    """PostgreSQL's clock, some seconds from now. All times on the row are its times."""
    return SQL("now() + make_interval(secs => %s)", seconds)


def move(
    to: State,
    event: EventKind | None,
    *,
    came_from: State,
    where: Mapping[str, Any],
    changes: Mapping[str, Any],
    guard: str = "",
    data: Mapping[str, Any] | None = None,
    actor: int | None = None,
    also: tuple[str, ...] = (),
) -> list[Job]:
    """Move the jobs that match `where` (column = value, or one of a list) and return them as they are now.

    `event` is None where the move is no fact of the job's history. `guard` is a further SQL condition without values;
    `changes` are columns and values, a value may be `SQL`. `also` names columns to return beside the usual ones.
    """
    if to not in TRANSITIONS[came_from]:
        raise ValueError(f"no job goes from {came_from} to {to}; see TRANSITIONS")
    updated, values = _assignments({"state": to, **changes})
    found, bounds = _conditions({"state": came_from, **where})
    columns = (*COLUMNS, *also)
    returned = ", ".join(columns)
    # Names of columns and constants, never values.
    update = f"UPDATE jobs_job SET {updated} WHERE {found} {guard and 'AND ' + guard} RETURNING {returned}"  # noqa: S608
    if event is None:
        return jobs_from(update, [*values, *bounds], columns)
    return jobs_from(
        f"""
        WITH moved AS ({update}), noted AS (
            INSERT INTO jobs_jobevent (job_id, kind, attempt, actor_id, data)
            SELECT id, %s, attempt, %s::bigint, %s::jsonb FROM moved
        )
        SELECT * FROM moved
        """,  # noqa: S608
        [*values, *bounds, event, actor, json.dumps(data or {})],
        columns,
    )


def note(job_ids: Iterable[UUID], event: EventKind, actor: int | None = None) -> None:
    """Add an event to jobs whose state does not change."""
    JobEvent.objects.bulk_create(JobEvent(job_id=job_id, kind=event, actor_id=actor) for job_id in job_ids)


def _assignments(changes: Mapping[str, Any]) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    for column, value in changes.items():
        if isinstance(value, SQL):
            parts.append(f"{column} = {value.text}")
            values.extend(value.values)
        elif column in JSON_COLUMNS:
            parts.append(f"{column} = %s::jsonb")
            values.append(None if value is None else json.dumps(value))
        else:
            parts.append(f"{column} = %s")
            values.append(value)
    return ", ".join(parts), values


def _conditions(where: Mapping[str, Any]) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    for column, value in where.items():
        parts.append(f"{column} = ANY(%s)" if isinstance(value, list) else f"{column} = %s")
        values.append(value)
    return " AND ".join(parts), values
