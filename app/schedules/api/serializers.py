"""What the API shows of a schedule."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from jobs import registry
from jobs.api.serializers import SelfLinkSerializer
from schedules import selectors
from schedules.models import Schedule


class ScheduleSerializer(serializers.Serializer[Schedule]):
    """A schedule. Every key is always there."""

    id = serializers.IntegerField(source="entry_id")
    name = serializers.CharField()
    declared_in_code = serializers.BooleanField(source="is_declared", help_text="cannot be changed here")
    type = serializers.CharField(source="job_type", help_text="the job type's name")
    queue = serializers.SerializerMethodField(help_text="null when this version has no such job type")
    payload = serializers.JSONField()
    crontab = serializers.SerializerMethodField(help_text="null for an interval")
    timezone = serializers.SerializerMethodField(help_text="whose wall clock the crontab means; null for an interval")
    every = serializers.SerializerMethodField(help_text="seconds between turns; null for a crontab")
    expires = serializers.SerializerMethodField(help_text="seconds after it was due that a turn may still be started")
    enabled = serializers.BooleanField(source="entry.enabled")
    last_turn_at = serializers.DateTimeField(source="entry.last_run_at", allow_null=True)
    next_turn_at = serializers.SerializerMethodField(help_text="null while it is disabled")
    fault = serializers.SerializerMethodField(help_text="why the newest turn made no job; null when it made one")
    links = serializers.SerializerMethodField()

    def get_queue(self, schedule: Schedule) -> str | None:
        declared = registry.find(schedule.job_type)
        return declared.queue.value if declared else None

    def get_crontab(self, schedule: Schedule) -> str | None:
        crontab = selectors.crontab(schedule)
        return crontab.expression if crontab else None

    def get_timezone(self, schedule: Schedule) -> str | None:
        crontab = selectors.crontab(schedule)
        return crontab.timezone if crontab else None

    def get_every(self, schedule: Schedule) -> int | None:
        period = selectors.period(schedule)
        return int(period.total_seconds()) if period else None

    def get_expires(self, schedule: Schedule) -> int:
        return int(schedule.expires.total_seconds())

    def get_next_turn_at(self, schedule: Schedule) -> datetime | None:
        return selectors.next_turn(schedule, timezone.now())

    def get_fault(self, schedule: Schedule) -> str | None:
        return schedule.fault or None

    @extend_schema_field(SelfLinkSerializer)
    def get_links(self, schedule: Schedule) -> dict[str, str]:
        return {"self": reverse("schedules:schedule", args=[schedule.pk], request=self.context["request"])}


class ScheduleListSerializer(serializers.Serializer[Any]):
    items = ScheduleSerializer(many=True)
