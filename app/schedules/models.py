"""What django-celery-beat's rows do not say."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTask


class Schedule(models.Model):
    """A rule that creates jobs. When its turns are due, and whether it is enabled, stands in `entry`.

    An entry without a schedule is one of Celery's own kind: it sends a message.
    """

    entry = models.OneToOneField(
        PeriodicTask, on_delete=models.CASCADE, primary_key=True, related_name="job_schedule", editable=False
    )
    name = models.CharField(max_length=100)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="schedules",
        help_text="the user whose jobs it creates; none when it is declared in code",
    )
    job_type = models.CharField(max_length=100)
    payload = models.JSONField(db_default={}, blank=True)
    expires = models.DurationField(help_text="how long after it was due a turn may still be started")
    in_force_since = models.DateTimeField(
        db_default=Now(), editable=False, help_text="turns of before do not count: the rule was another, or disabled"
    )
    fault = models.TextField(
        db_default="", blank=True, editable=False, help_text="why the newest turn made no job; empty when it made one"
    )

    class Meta:
        ordering = ("entry_id",)

    def __str__(self) -> str:
        return self.name

    @property
    def is_declared(self) -> bool:
        """Whether code owns it."""
        return self.owner_id is None
