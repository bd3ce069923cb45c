"""What the bodies of jobs leave behind, written by themselves and not by the engine."""

from __future__ import annotations

from uuid import uuid4

from django.db import models
from django.db.models.functions import Now


class Trace(models.Model):
    """A body began, or ended: counted where "run twice" must not be believed to the engine's own state."""

    id = models.UUIDField(primary_key=True, default=uuid4)
    batch = models.CharField(max_length=40, db_index=True)
    job_id = models.UUIDField()
    attempt = models.IntegerField()
    ended = models.BooleanField()
    pod = models.CharField(max_length=100)
    generation = models.CharField(max_length=10)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.job_id} attempt {self.attempt} {'ended' if self.ended else 'began'}"
