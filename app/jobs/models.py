"""Jobs, their history and their files. Rows of jobs are changed by `transitions` alone."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from config.queues import Queue

from .ids import uuid7
from .states import ACTIVE, ENDED, EventKind, Reason, State


class Job(models.Model):
    """One requested run. Defaults live in the database: rows are made by `INSERT` statements of our own.

    Every move changes `state`, which the partial indexes depend on, so it costs an entry in each index that holds the
    row afterwards. Hence no index that another one covers, and most of them hold only the rows of one state.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    type = models.CharField(max_length=100)
    queue = models.CharField(max_length=30, choices=[(queue.value, queue.value) for queue in Queue])
    state = models.CharField(max_length=10, choices=State.choices, db_default=State.QUEUED)
    reason = models.CharField(max_length=20, choices=Reason.choices, db_default=Reason.NONE, blank=True)
    label = models.CharField(max_length=200, db_default="", blank=True, help_text="for people")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="jobs", db_index=False
    )

    payload = models.JSONField(db_default={})
    result = models.JSONField(null=True)
    progress = models.JSONField(null=True, help_text="current, total, unit, message")
    checkpoint = models.JSONField(null=True, help_text="where the next attempt goes on")
    error = models.TextField(db_default="", blank=True, help_text="fit for the owner's eyes")
    traceback = models.TextField(db_default="", blank=True, help_text="for staff")

    created_at = models.DateTimeField(db_default=Now())
    run_at = models.DateTimeField(db_default=Now(), help_text="not before")
    expires_at = models.DateTimeField(null=True, help_text="not started after")
    started_at = models.DateTimeField(null=True, help_text="the first attempt's start")
    finished_at = models.DateTimeField(null=True)

    dispatch = models.IntegerField(db_default=0, help_text="number of the newest message")
    dispatched_at = models.DateTimeField(null=True, help_text="when it was pushed; null when it was not")
    attempt = models.IntegerField(db_default=0, help_text="number of the newest attempt: the fence")
    failures = models.IntegerField(db_default=0)
    losses = models.IntegerField(db_default=0)
    worker = models.CharField(max_length=100, db_default="", help_text="the worker process of the attempt")
    pid = models.IntegerField(null=True, help_text="its child that runs the attempt")
    lease_expires_at = models.DateTimeField(null=True)
    cancel_requested = models.BooleanField(db_default=False)

    idempotency_key = models.CharField(max_length=200, null=True)
    body_hash = models.CharField(max_length=64, db_default="", help_text="of the request that used the key")
    unique_key = models.CharField(max_length=200, null=True, help_text="one active job per key")
    schedule = models.CharField(max_length=200, null=True)
    slot = models.CharField(max_length=40, null=True, help_text="the schedule's turn that made the job")
    retry_of = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, related_name="retried_as", help_text="the dead letter it repeats"
    )
    parent = models.ForeignKey(
        "self",
        on_delete=models.CASCADE,
        null=True,
        related_name="children",
        db_index=False,
        help_text="the job that waits for it",
    )
    step = models.CharField(max_length=100, null=True, help_text="the parent's name for what it waits for")
    position = models.IntegerField(null=True, help_text="place among the children of the step")
    slot_at = models.DateTimeField(null=True, help_text="the start that a rate limit has given it")
    fingerprint = models.CharField(max_length=16, db_default="", help_text="the same for deaths of one kind")
    request_id = models.CharField(max_length=64, db_default="", help_text="of the request that made the job")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "idempotency_key"],
                condition=models.Q(idempotency_key__isnull=False),
                name="job_idempotency_key",
            ),
            models.UniqueConstraint(
                fields=["unique_key"],
                condition=models.Q(unique_key__isnull=False, state__in=ACTIVE),
                name="job_unique_key",
            ),
            models.UniqueConstraint(
                fields=["schedule", "slot"], condition=models.Q(slot__isnull=False), name="job_schedule_slot"
            ),
        ]
        indexes = [
            models.Index(fields=["run_at"], condition=models.Q(state=State.SCHEDULED), name="job_due"),
            models.Index(fields=["queue", "dispatched_at"], condition=models.Q(state=State.QUEUED), name="job_waiting"),
            models.Index(fields=["lease_expires_at"], condition=models.Q(state=State.RUNNING), name="job_leased"),
            models.Index(fields=["type", "finished_at"], condition=models.Q(state__in=ENDED), name="job_ended"),
            models.Index(fields=["owner", "-id"], name="job_owner"),
            models.Index(
                fields=["id"],
                condition=models.Q(state=State.SCHEDULED, reason=Reason.WAITING),
                name="job_parent_waiting",
            ),
            models.Index(
                fields=["parent", "step", "position"], condition=models.Q(parent__isnull=False), name="job_children"
            ),
            models.Index(fields=["fingerprint", "-id"], condition=models.Q(state=State.DEAD), name="job_dead"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class JobEvent(models.Model):
    """A fact in a job's history. Only ever added.

    In the statement that moves its job, so the database need not check that the job exists: twice per attempt, that
    would be a fifth of PostgreSQL's work.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events", db_constraint=False)
    kind = models.CharField(max_length=20, choices=EventKind.choices)
    at = models.DateTimeField(db_default=Now())
    attempt = models.IntegerField(db_default=0)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    data = models.JSONField(db_default={})

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.kind} at {self.at}"


class Effect(models.Model):
    """Something that a job did outside its row, or began to do (`effects`)."""

    key = models.CharField(primary_key=True, max_length=200)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="effects")
    happened = models.BooleanField(db_default=False)
    result = models.JSONField(null=True)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.key


class RateSlot(models.Model):
    """When the next job of a key may start (`limits`)."""

    key = models.CharField(primary_key=True, max_length=200)
    next_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key


class File(models.Model):
    """An upload or a result, kept in the database: it commits, is backed up and is deleted with its job."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="files")
    job = models.ForeignKey(
        Job, on_delete=models.CASCADE, null=True, related_name="files", help_text="the job that made it"
    )
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField(help_text="bytes")
    content = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name
