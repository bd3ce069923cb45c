"""The application's own state: settings that contradict each other, stalled queues, schedules that were not stored."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import TemporaryFile

from django.conf import settings
from django.core.checks import ERROR, run_checks

from config.queues import Queue
from jobs.selectors import queue_states
from ops.findings import Finding, Verdict
from ops.fingerprint import fingerprint
from ops.queues import backlog
from schedules.declarations import declared
from schedules.definitions import Definition, Faulty, definition_of
from schedules.models import Schedule
from schedules.services import differences

SYNC = "run `manage.py sync_schedules`, as every deploy does"


def setting_findings() -> Iterator[Finding]:
    faults = [*_contradictions(), *((check.msg, check.hint or "") for check in run_checks() if check.level >= ERROR)]
    for seen, mend in faults:
        yield Finding("settings", Verdict.FAULT, seen, mend)
    if not faults:
        yield Finding("settings", Verdict.OK, f"no contradictions; fingerprint {fingerprint()}")


def queue_findings() -> Iterator[Finding]:
    for state in queue_states(list(Queue)):
        found = backlog(state)
        if found.is_stalled:
            mend = f"look at the workers with WORKER_QUEUE={state.queue}: do they run, and can they reach the broker?"
            yield Finding(f"queue {state.queue}", Verdict.FAULT, f"nobody takes from {found}", mend)
        else:
            seen = f"{state.waiting} waiting, {state.running} running"
            yield Finding(f"queue {state.queue}", Verdict.OK, seen)


def schedule_findings() -> Iterator[Finding]:
    stored = {one.name: one for one in Schedule.objects.filter(owner=None).select_related("entry")}
    sound = 0
    for definition in _declared():
        found = list(_schedule_findings(definition, stored.pop(definition.name, None)))
        yield from found
        sound += not found
    for name in stored:
        yield Finding(f"schedule {name}", Verdict.FAULT, "stored, and no longer declared", SYNC)
    yield Finding("schedules", Verdict.OK, f"{sound} are enabled and as code declares them")


def _declared() -> Iterator[Definition]:
    """The declared schedules that can be stored; the others are faults of the settings' checks."""
    for declaration in declared():
        try:
            yield definition_of(declaration)
        except Faulty:
            continue


def _schedule_findings(definition: Definition, schedule: Schedule | None) -> Iterator[Finding]:
    subject = f"schedule {definition.name}"
    if schedule is None:
        yield Finding(subject, Verdict.FAULT, "declared, and not stored", SYNC)
        return
    if parts := differences(schedule, definition):
        yield Finding(subject, Verdict.FAULT, f"stored with another {' and '.join(parts)} than declared", SYNC)
    if schedule.fault:
        yield Finding(
            subject, Verdict.FAULT, f"its newest turn made no job: {schedule.fault}", "correct its declaration"
        )
    if not schedule.entry.enabled:
        yield Finding(subject, Verdict.NOTE, "disabled by an admin")


def _contradictions() -> Iterator[tuple[str, str]]:
    lease, renewal, interval = settings.JOB_LEASE, settings.JOB_LEASE_RENEWAL, settings.RELAY_INTERVAL
    if renewal > lease / 3:
        yield (
            f"JOB_LEASE_RENEWAL is {renewal:g} s and JOB_LEASE {lease:g} s",
            f"the renewal must be at most a third of the lease, {lease / 3:g} s: two lost renewals must not cost it",
        )
    if interval > lease:
        yield (
            f"RELAY_INTERVAL is {interval:g} s and JOB_LEASE {lease:g} s",
            "the interval must be shorter than the lease: lost workers would be noticed late",
        )
    if settings.DISPATCH_OVERDUE < settings.DISPATCH_UNDISPATCHED:
        yield (
            f"DISPATCH_OVERDUE is {settings.DISPATCH_OVERDUE:g} s and DISPATCH_UNDISPATCHED "
            f"{settings.DISPATCH_UNDISPATCHED:g} s",
            "a job must not count as lost before it counts as forgotten",
        )
    if settings.HEALTH_DIR:
        try:
            TemporaryFile(dir=settings.HEALTH_DIR).close()
        except OSError as error:
            seen = f"HEALTH_DIR is {str(settings.HEALTH_DIR)!r}, where no file can be written ({error.strerror})"
            yield seen, "it must be a folder that this process can write to"
