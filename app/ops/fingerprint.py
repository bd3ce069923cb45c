"""Whether two processes agree on what both must know."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from django.conf import settings

from config.queues import Queue
from jobs.registry import job_types

SHARED_SETTINGS = ("JOB_LEASE", "JOB_LEASE_RENEWAL", "JOB_LOSSES_MAX", "DISPATCH_OVERDUE", "FILE_MAX_BYTES")


def fingerprint() -> str:
    """The same in two processes that have the same queues, job types with the same schemas, and the same timers."""
    known = {
        "queues": {queue.value: asdict(queue.lane) for queue in Queue},
        "job types": {one.name: [one.queue.value, one.schema(), repr(one.retry)] for one in job_types()},
        "settings": {name: getattr(settings, name) for name in SHARED_SETTINGS},
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:12]
