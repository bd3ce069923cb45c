"""Creating jobs: one, or many at once. Knows neither Celery nor HTTP."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from pydantic import BaseModel, ValidationError

from config.metrics import on
from config.storable import unstorable

from . import metrics, registry
from .dispatch import deliver
from .ids import uuid7
from .messages import Stamped
from .models import Job
from .rows import as_jobs, rows_from
from .states import ACTIVE, EventKind, State

log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    from accounts.models import User

# Rows in one statement.
BATCH = 1_000
_OTHERS = (field.column for field in Job._meta.concrete_fields if field.column not in Stamped._fields)
ALL_COLUMNS = (*Stamped._fields, *_OTHERS)


class UnknownJobType(Exception):
    """No job type has this name, or the API may not create it."""


class InvalidPayload(Exception):
    """The payload does not fit the job type's schema. `errors` is pydantic's list of faults."""

    def __init__(self, errors: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, one['loc'])) or 'payload'}: {one['msg']}" for one in errors))
        self.errors = errors


class JobAlreadyActive(Exception):
    """An active job has the same unique key; it is `job`."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"the job {job.id} is active and has the same unique key")
        self.job = job


class IdempotencyConflict(Exception):
    """The idempotency key was used for another request, whose job is `job`."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"the key was used for another request, which made the job {job.id}")
        self.job = job


class QuotaExceeded(Exception):
    """The owner has as many active jobs of this type as the type allows."""

    def __init__(self, type_name: str, quota: int) -> None:
        super().__init__(f"{quota} jobs of the type {type_name} are active already; wait until one has ended")


@dataclass(frozen=True, kw_only=True)
class Order:
    """A request for a job. `idempotency_key` makes repeats of the same request find the same job."""

    type: str
    payload: BaseModel
    owner: User | None = None
    label: str = ""
    unique: str | None = None
    run_at: datetime | None = None
    expires_at: datetime | None = None
    idempotency_key: str | None = None
    schedule: str | None = None
    slot: str | None = None
    retry_of: UUID | None = None
    parent: UUID | None = None
    step: str | None = None
    position: int | None = None
    request_id: str = field(default_factory=lambda: structlog.contextvars.get_contextvars().get("request_id", ""))


def parse_payload(type_name: str, payload: Any) -> BaseModel:
    """The payload as its job type's schema reads it.

    Raises UnknownJobType and InvalidPayload.
    """
    declared = registry.find(type_name)
    if declared is None:
        raise UnknownJobType(type_name)
    try:
        # As JSON and strictly: exactly what the published schema allows, so that no true becomes 1 and no "5" a 5.
        parsed: BaseModel = declared.payload.model_validate_json(json.dumps(payload), strict=True)
    except ValidationError as error:
        raise InvalidPayload(error.errors(include_url=False, include_context=False, include_input=False)) from None
    return parsed


def enqueue(order: Order) -> Job:
    """Make a job: row and event in one statement, dispatched when the surrounding transaction commits.

    A repeat with the same idempotency key, or of the same schedule and slot, or of the same dead letter, returns the
    job that the first one made. Raises IdempotencyConflict when the key stood for another request, JobAlreadyActive
    when the unique key is taken, InvalidPayload for what JSON in PostgreSQL cannot hold, UnknownJobType.
    """
    row = _row(order)
    with _within_quota(order):
        made = _insert([row], ALL_COLUMNS)
    if not made:
        return _existing(order, row)
    said = {"request_id": order.request_id, "job_id": row["id"], "job_type": order.type}
    transaction.on_commit(partial(log.info, "job created", **said))
    return as_jobs(made, ALL_COLUMNS)[0]


def enqueue_many(orders: Iterable[Order]) -> int:
    """Make many jobs: a statement and a push for each BATCH of them, all in one transaction. Returns how many.

    An order that a constraint refuses is left out; quotas do not apply. Raises as `enqueue` does for what is invalid,
    and makes none then.
    """
    count = 0
    with transaction.atomic():
        rows = map(_row, orders)
        while batch := list(islice(rows, BATCH)):
            count += len(_insert(batch, Stamped._fields))
    return count


@contextmanager
def _within_quota(order: Order) -> Iterator[None]:
    """Raise QuotaExceeded when the owner has as many active jobs of the type as it allows. One creates at a time."""
    declared = registry.find(order.type)
    if declared is None or declared.quota is None or order.owner is None:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [declared.name, order.owner.pk])
        active = Job.objects.filter(owner=order.owner, type=declared.name, state__in=ACTIVE)[: declared.quota].count()
        if active >= declared.quota and not _is_repeat(order):
            raise QuotaExceeded(declared.name, declared.quota)
        yield


def _is_repeat(order: Order) -> bool:
    """Whether the order's key or slot has made a job already, which asking again must find."""
    same_key = Job.objects.filter(owner=order.owner, idempotency_key=order.idempotency_key)
    same_slot = Job.objects.filter(schedule=order.schedule, slot=order.slot)
    return (order.idempotency_key is not None and same_key.exists()) or (order.slot is not None and same_slot.exists())


def _row(order: Order) -> dict[str, Any]:
    declared = registry.find(order.type)
    if declared is None:
        raise UnknownJobType(order.type)
    payload = order.payload.model_dump(mode="json")
    if fault := unstorable(payload):
        raise InvalidPayload([{"loc": (), "msg": fault, "type": "unstorable"}])
    return {
        "id": str(uuid7()),
        "type": declared.name,
        "queue": declared.queue,
        "label": order.label,
        "owner_id": order.owner.pk if order.owner else None,
        "payload": payload,
        "run_at": order.run_at.isoformat() if order.run_at else None,
        "expires_at": order.expires_at.isoformat() if order.expires_at else None,
        "idempotency_key": order.idempotency_key,
        "body_hash": _body_hash(order, payload) if order.idempotency_key else "",
        "unique_key": order.unique,
        "schedule": order.schedule,
        "slot": order.slot,
        "retry_of_id": str(order.retry_of) if order.retry_of else None,
        "parent_id": str(order.parent) if order.parent else None,
        "step": order.step,
        "position": order.position,
        "request_id": order.request_id,
    }


def _body_hash(order: Order, payload: Any) -> str:
    """What tells a repeat of a request from another one with its key."""
    times = [str(order.run_at), str(order.expires_at)]
    body = json.dumps([order.type, payload, *times, order.unique, order.label], sort_keys=True)
    return hashlib.sha256(body.encode()).hexdigest()


def _insert(rows: list[dict[str, Any]], returned: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Insert rows with their first event, in one statement, and return these columns, first those of `Stamped`.

    What can start at once is stamped for its first message, which goes out after the commit: a second update, and
    wait for the disk, would tell no more. A row that a constraint refuses is left out.
    """
    used = {column for row in rows for column, value in row.items() if value is not None} - {"run_at"}
    columns = ", ".join(sorted(used))
    began = time.monotonic()
    made = rows_from(
        f"""
        WITH made AS (
            INSERT INTO jobs_job ({columns}, run_at, state, dispatch, dispatched_at)
            SELECT {columns}, coalesce(run_at, now()),
                CASE WHEN run_at > now() THEN %s ELSE %s END,
                CASE WHEN run_at > now() THEN 0 ELSE 1 END,
                CASE WHEN run_at > now() THEN NULL ELSE clock_timestamp() END
            FROM jsonb_populate_recordset(NULL::jobs_job, %s::jsonb)
            ON CONFLICT DO NOTHING RETURNING *
        ), noted AS (
            INSERT INTO jobs_jobevent (job_id, kind, actor_id) SELECT id, %s, owner_id FROM made
        )
        SELECT {", ".join(returned)} FROM made
        """,  # noqa: S608  # names of columns, never values
        [State.SCHEDULED, State.QUEUED, json.dumps(rows), EventKind.CREATED],
    )
    if on():
        ids = {str(row[0]) for row in made}
        new = Counter((row["queue"], row["type"]) for row in rows if row["id"] in ids)
        transaction.on_commit(partial(metrics.count_enqueued, new))
    if stamped := [Stamped(*row[:4]) for row in made if row[2]]:
        transaction.on_commit(partial(deliver, stamped, began))
    return made


def _existing(order: Order, row: dict[str, Any]) -> Job:
    """The job because of which the insert was refused, or the refusal."""
    if order.idempotency_key:
        same_key = Job.objects.filter(owner=order.owner, idempotency_key=order.idempotency_key).first()
        if same_key and same_key.body_hash != row["body_hash"]:
            raise IdempotencyConflict(same_key)
        if same_key:
            return same_key
    if order.retry_of and (repeat := Job.objects.filter(retry_of=order.retry_of).first()):
        return repeat
    if order.slot and (turn := Job.objects.filter(schedule=order.schedule, slot=order.slot).first()):
        return turn
    if order.unique and (active := Job.objects.filter(unique_key=order.unique, state__in=ACTIVE).first()):
        raise JobAlreadyActive(active)
    # What stood in the way ended between the two statements.
    return enqueue(order)
