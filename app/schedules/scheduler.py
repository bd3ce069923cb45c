"""The scheduler that Beat runs: for entries with a schedule it makes rows of jobs, and the engine sends them.

What django-celery-beat and Celery do otherwise, and why not here (`docs/decisions/0004-schedules.md` has the whole):

- They note a run in memory and save it up to three minutes later, so a killed Beat runs it again. Here the run is
  noted in the transaction that makes the job, by an update that only one of two Beats wins.
- They connect to the broker before each run and wait for it without end. Here a row is all that a turn needs.
- An error while the schedule is read ends the process. Here a database that is away is waited for.
- Entries whose hour is more than two away are left out when the schedule is read, so a run that was missed for three
  hours comes 22 hours late. Here every enabled entry is looked at.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import structlog
from celery.schedules import schedstate
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from config import exposition
from config.metrics import BEAT, on

from .metrics import LAST_TICK
from .models import Schedule
from .rules import Turn
from .services import TurnRefused, advance, make_job, note_fault, rule_of

log = structlog.get_logger(__name__)

# Seconds after which the schedule is read again although nothing says that it changed.
REREAD = 300
# A run that is noted further ahead than this was noted by a clock that was wrong.
CLOCK_TOLERANCE = timedelta(hours=1)
# What a message of Celery's own kind gets where its entry names no expiry and no next run is known.
PLAIN_EXPIRY = timedelta(hours=1)


class JobEntry(ModelEntry):  # type: ignore[misc]  # django-celery-beat has no annotations
    """An entry as it was read: one that makes jobs if it has a schedule, else one that sends a message."""

    def __init__(self, model: PeriodicTask, app: Any = None) -> None:
        self.seen: datetime | None = model.last_run_at
        self.plan: Schedule | None = getattr(model, "job_schedule", None)
        self.rule = rule_of(model) if self.plan else None
        super().__init__(model, app=app)
        self.turn: Turn | None = None
        self.won = False

    def is_due(self) -> schedstate:
        """Whether a turn is due, and the seconds until the next."""
        if self.plan is None or self.rule is None:
            return cast("schedstate", super().is_due())
        now = datetime.now(UTC)
        self.turn = self.rule.turn(self._since(self.plan, now), now)
        return schedstate(self.turn is not None, (self.rule.following(now) - now).total_seconds())

    def _since(self, plan: Schedule, now: datetime) -> datetime:
        if self.seen is None or self.seen > now + CLOCK_TOLERANCE:
            return plan.in_force_since
        return max(self.seen, plan.in_force_since)

    def take(self, now: datetime) -> None:
        """Note the run and, with a schedule, make the job, in one transaction. `won` says whether it was ours."""
        with transaction.atomic():
            self.won = advance(self.model, self.seen, now)
            if self.won and self.plan and self.turn:
                self._make_job(self.plan, self.turn)
        # As the database has it; where somebody else won, it is read again.
        self.model.last_run_at = now
        self.model.total_run_count += 1

    def _make_job(self, plan: Schedule, turn: Turn) -> None:
        """A turn that cannot make its job is over all the same: Beat and every other schedule go on."""
        try:
            with transaction.atomic():
                job = make_job(plan, turn)
        except (OperationalError, InterfaceError):
            raise
        except TurnRefused as refused:
            self._fail(plan, turn, str(refused))
        except Exception as error:
            log.exception("unforeseen error in a schedule's turn", schedule=self.name)
            self._fail(plan, turn, f"unexpected {type(error).__name__}")
        else:
            note_fault(plan, "")
            log.info("schedule's turn", schedule=self.name, slot=turn.slot, job_id=str(job.id))

    def _fail(self, plan: Schedule, turn: Turn, fault: str) -> None:
        log.error("schedule's turn made no job", schedule=self.name, slot=turn.slot, fault=fault)
        note_fault(plan, fault)


class JobScheduler(DatabaseScheduler):  # type: ignore[misc]
    """Celery's loop over the entries of the database."""

    Entry = JobEntry
    # Messages go out through the application's pool, which gives up within seconds.
    producer = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._schedule: dict[str, JobEntry] = {}
        self._changed_at: datetime | None = None
        self._read_at: float | None = None
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """Nothing to write: entries come from `sync_schedules`, the API and the admin."""
        try:
            self._show_life()
        except OSError as error:
            raise ImproperlyConfigured(
                f"HEALTH_DIR was {str(settings.HEALTH_DIR)!r}, where no file can be written ({error.strerror}); it "
                "must be a writable folder"
            ) from None
        exposition.serve(BEAT)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Take the turn that is due next, if one is. Returns the seconds until there may be another."""
        if on():
            LAST_TICK.set_to_current_time()
        try:
            self._show_life()
        except OSError:
            log.exception("the file that Beat's probe looks at cannot be written")
        try:
            self._read_if_changed()
            return float(super().tick(*args, **kwargs))
        except (OperationalError, InterfaceError) as error:
            connection.close()
            self._read_at = None
            log.warning("database unreachable, no schedule is followed", error=str(error).strip())
            return float(self.max_interval)

    @property
    def schedule(self) -> dict[str, JobEntry]:
        """The enabled entries as they were last read."""
        return self._schedule

    def schedules_equal(self, *_: Any) -> bool:
        """Celery asks whether to sort the entries anew; reading them does that already."""
        return True

    def reserve(self, entry: JobEntry) -> JobEntry:
        """Take the entry's turn, or learn that it was taken. Returns the entry of the next turn."""
        entry.take(datetime.now(UTC))
        if not entry.won:
            self._read_at = None
        return JobEntry(entry.model, app=self.app)

    def apply_entry(self, entry: JobEntry, producer: Any = None) -> None:
        """Send the message of an entry of Celery's own kind. One without an expiry gets the time until its next run."""
        if entry.won and entry.plan is None:
            entry.options.setdefault("expires", _seconds_until_next(entry))
            super().apply_entry(entry, producer=None)

    def sync(self) -> None:
        """Nothing to save: every run is noted when it is taken."""

    def all_as_schedule(self) -> dict[str, JobEntry]:
        """Every enabled entry that can be read; one that cannot is said and left out."""
        entries: dict[str, JobEntry] = {}
        for model in self.enabled_models_qs():
            try:
                entries[model.name] = JobEntry(model, app=self.app)
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:
                log.exception("the entry cannot be read and is left out", schedule=model.name)
                if plan := getattr(model, "job_schedule", None):
                    note_fault(plan, str(error))
        return entries

    def enabled_models_qs(self) -> Any:
        """Every enabled entry, whatever its hour."""
        return self.Model.objects.enabled().select_related("job_schedule__owner")

    def _read_if_changed(self) -> None:
        close_old_connections()
        changed_at = self.Changes.last_change()
        fresh = self._read_at is not None and time.monotonic() - self._read_at < REREAD
        if fresh and changed_at == self._changed_at:
            return
        self._schedule = self.all_as_schedule()
        self._changed_at, self._read_at = changed_at, time.monotonic()
        self._heap = None

    def _show_life(self) -> None:
        if settings.HEALTH_DIR:
            Path(settings.HEALTH_DIR, "beat").touch()


def _seconds_until_next(entry: JobEntry) -> float:
    remaining: float = entry.schedule.remaining_estimate(datetime.now(UTC)).total_seconds()
    return remaining if remaining > 0 else PLAIN_EXPIRY.total_seconds()
