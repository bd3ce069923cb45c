"""What the bodies of test jobs leave behind, written by themselves and not by the engine."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Run(models.Model):
    """A body began, or ended: counted where "run twice" must not be believed to the engine's own state."""

    job_id = models.UUIDField()
    attempt = models.IntegerField()
    ended = models.BooleanField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "testapp"

    def __str__(self) -> str:
        return f"{self.job_id} attempt {self.attempt} {'ended' if self.ended else 'began'}"


class Act(models.Model):
    """An effect happened: once more for each time that it did."""

    job_id = models.UUIDField()
    name = models.TextField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "testapp"

    def __str__(self) -> str:
        return f"{self.job_id} {self.name}"
