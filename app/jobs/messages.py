"""A job's message, as Celery itself would write it, without what Celery does for every message to get there.

Routing, signals, signatures and a new client per publish take most of `apply_async`'s time and say the same for every
job. A test compares the two.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from celery import current_app
from celery.utils.nodenames import anon_nodename
from django.conf import settings

from config import signatures
from config.celery import JOB_TASK

# What a reader of the message may rely on; raised when that changes.
VERSION = 1
# Gaps to be filled.
ID, MESSAGE_ID, TAG, AT, ENCODED = "<id>", "<message id>", "<tag>", "<at>", "<body>"
BODY = json.dumps([[ID], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])


class Stamped(NamedTuple):
    """A queued job and the newest message of it, before that is pushed."""

    id: UUID
    queue: str
    dispatch: int
    dispatched_at: datetime


def message(stamped: Stamped) -> str:
    """The message of a job. It carries the row's id and nothing else of it."""
    text = _text(stamped)
    if not settings.MESSAGE_KEYS:
        return text
    signed = json.loads(text)
    signatures.sign(signed, settings.MESSAGE_KEYS[0])
    return json.dumps(signed)


def _text(stamped: Stamped) -> str:
    job_id = str(stamped.id)
    body = BODY.replace(ID, job_id).encode()
    # Nothing that is put in needs JSON's quoting.
    return (
        _pattern(stamped.queue, current_app.thread_oid)
        .replace(MESSAGE_ID, f"{job_id}.{stamped.dispatch}")
        .replace(ID, job_id)
        .replace(TAG, str(uuid4()))
        .replace(AT, repr(stamped.dispatched_at.timestamp()))
        .replace(ENCODED, base64.b64encode(body).decode())
    )


@lru_cache(maxsize=64)
def _pattern(queue: str, reply_to: str) -> str:
    """A message with gaps. A hundred thousand of them differ in what fills the gaps alone."""
    properties = {
        "correlation_id": MESSAGE_ID,
        "reply_to": reply_to,
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": queue},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": TAG,
    }
    envelope = {
        "body": ENCODED,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": _headers(),
        "properties": properties,
    }
    # A number stands without quotes.
    return json.dumps(envelope).replace(f'"{AT}"', AT)


def _headers() -> dict[str, Any]:
    """What Celery writes beside a task's arguments, and the version of ours."""
    return {
        "lang": "py",
        "task": JOB_TASK,
        "shadow": None,
        "eta": None,
        "expires": None,
        "group": None,
        "group_index": None,
        "retries": 0,
        "timelimit": [None, None],
        "parent_id": None,
        "kwargsrepr": "{}",
        "origin": anon_nodename(),
        "ignore_result": True,
        "replaced_task_nesting": 0,
        "stamped_headers": None,
        "stamps": {},
        "job_message_version": VERSION,
        "id": MESSAGE_ID,
        "root_id": MESSAGE_ID,
        "argsrepr": repr([ID]),
        "enqueued_at": AT,
    }
