"""`manage.py doctor`: everything that the application needs, looked at from this process, one line each."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from ops.findings import Finding, Verdict

from . import application, postgres, redis

# Those in config.acl that are processes of the application.
PROCESS_ROLES = ("web", "beat", "relay", "worker")


def role_of_this_process() -> str:
    """Whose rights in Redis are needed here: a worker's where WORKER_QUEUE is set, else those of the user's name."""
    if settings.WORKER_QUEUE:
        return "worker"
    return redis.user() if redis.user() in PROCESS_ROLES else "web"


def examine(role: str) -> Iterator[Finding]:
    """Look at everything. What rests on something that is broken is not looked at."""
    yield from redis.findings(role)
    database = list(postgres.findings())
    yield from database
    yield from application.setting_findings()
    if any(one.verdict == Verdict.FAULT for one in database):
        yield Finding("queues, schedules", Verdict.NOTE, "not looked at: the database must be sound first")
    else:
        yield from application.queue_findings()
        yield from application.schedule_findings()
