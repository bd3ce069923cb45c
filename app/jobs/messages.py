"""A job's message, as Celery itself would write it, without what Celery does for every message to get there.

Routing, signals, signatures and a new client per publish take most of `apply_async`'s time and say the same for every
job. A test compares the two.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any
from uuid import uuid4

from celery import current_app
from celery.utils.nodenames import anon_nodename

from config.celery import JOB_TASK

from .models import Job

# What a reader of the message may rely on; raised when that changes.
VERSION = 1
EMBED: dict[str, Any] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def message(job: Job) -> str:
    """The message of a stamped job. It carries the row's id and nothing else of it."""
    assert job.dispatched_at is not None  # noqa: S101  # dispatch.stamp() set it
    message_id = f"{job.id}.{job.dispatch}"
    body = json.dumps([[str(job.id)], {}, EMBED]).encode()
    headers = {
        **_constant_headers(),
        "id": message_id,
        "root_id": message_id,
        "argsrepr": repr([str(job.id)]),
        "enqueued_at": job.dispatched_at.timestamp(),
    }
    properties = {
        "correlation_id": message_id,
        "reply_to": current_app.thread_oid,
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": job.queue},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": str(uuid4()),
    }
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers,
            "properties": properties,
        }
    )


@cache
def _constant_headers() -> dict[str, Any]:
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
    }
