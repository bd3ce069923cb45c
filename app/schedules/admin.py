"""Schedules for staff. What code declares can be switched on and off; users' schedules can be made and changed.

django-celery-beat's own pages stay for entries that send a message of Celery's own kind.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django_celery_beat.admin import CrontabScheduleAdmin, IntervalScheduleAdmin, PeriodicTaskAdmin
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from . import selectors, services
from .definitions import Definition, Draft, Faulty, define
from .models import Schedule

if TYPE_CHECKING:
    ScheduleForms = forms.ModelForm[Schedule]
    Schedules = admin.ModelAdmin[Schedule]
else:
    ScheduleForms, Schedules = forms.ModelForm, admin.ModelAdmin

FIELDS = {"type": "job_type"}


class SwitchForm(ScheduleForms):
    """All that can be changed of a schedule that code declares."""

    enabled = forms.BooleanField(required=False, initial=True)

    definition: Definition | None = None

    class Meta:
        model = Schedule
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["enabled"] = self.instance.entry.enabled


class ScheduleForm(SwitchForm):
    """A user's schedule, checked as the API checks it."""

    crontab = forms.CharField(required=False, help_text="such as 30 6 * * mon-fri; or leave it empty and fill in every")
    timezone = forms.CharField(initial="UTC", help_text="whose wall clock the crontab means")
    every = forms.DurationField(required=False, help_text="such as 00:15:00, counted from 1970 in UTC")

    class Meta(SwitchForm.Meta):
        fields = ("name", "owner", "job_type", "payload", "expires")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            crontab = selectors.crontab(self.instance)
            self.initial["crontab"] = crontab.expression if crontab else ""
            self.initial["timezone"] = crontab.timezone if crontab else "UTC"
            self.initial["every"] = selectors.period(self.instance)
        else:
            self.fields["owner"].required = True

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if self.errors:
            return given
        try:
            self.definition = define(self._draft(given))
            if not self.instance.pk:
                services.check_room(given["name"], given["owner"])
        except (services.NameTaken, services.TooMany) as error:
            self.add_error("name", str(error))
        except Faulty as error:
            for path, sentence in error.faults.items():
                name = FIELDS.get(str(path[0]), str(path[0]))
                self.add_error(name if name in self.fields else None, sentence)
        return given

    def _draft(self, given: dict[str, Any]) -> Draft:
        return Draft(
            name=given.get("name", self.instance.name),
            type=given.get("job_type", self.instance.job_type),
            payload=given["payload"],
            crontab=given["crontab"] or None,
            every=given["every"],
            timezone=given["timezone"],
            expires=given["expires"],
        )


@admin.register(Schedule)
class ScheduleAdmin(Schedules):
    """Every schedule, whoever owns it."""

    list_display = ("name", "owned_by", "job_type", "rule", "enabled", "last_turn", "next_turn", "fault")
    list_filter = ("entry__enabled", "job_type")
    list_select_related = ("entry__interval", "entry__crontab", "owner")
    search_fields = ("name", "owner__username", "job_type")
    autocomplete_fields = ("owner",)
    actions = ("enable", "disable")
    ordering = ("name",)

    EDITABLE = ("payload", "crontab", "timezone", "every", "expires", "enabled")
    IDENTITY = ("name", "owner", "job_type")
    NEWS = ("last_turn", "next_turn", "fault")

    def get_form(
        self, request: HttpRequest, obj: Schedule | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Schedule]]:
        form = SwitchForm if obj and obj.is_declared else ScheduleForm
        return super().get_form(request, obj, change, form=form, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Schedule | None = None) -> tuple[str, ...]:
        if obj is None:
            return (*self.IDENTITY, *self.EDITABLE)
        if obj.is_declared:
            return ("name", "owned_by", "job_type", "payload", "rule", "expires", "enabled", *self.NEWS)
        return (*self.IDENTITY, *self.EDITABLE, *self.NEWS)

    def get_readonly_fields(self, request: HttpRequest, obj: Schedule | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        if obj.is_declared:
            return tuple(name for name in self.get_fields(request, obj) if name != "enabled")
        return (*self.IDENTITY, *self.NEWS)

    def has_delete_permission(self, request: HttpRequest, obj: Schedule | None = None) -> bool:
        """What code declares would come back with the next deploy."""
        return super().has_delete_permission(request, obj) and not (obj and obj.is_declared)

    def save_model(self, request: HttpRequest, obj: Schedule, form: Any, change: bool) -> None:
        enabled: bool = form.cleaned_data["enabled"]
        if change:
            services.change(Schedule.objects.get(pk=obj.pk), form.definition, enabled=enabled)
        else:
            obj.entry = services.create(form.definition, obj.owner, enabled=enabled).entry

    def delete_model(self, request: HttpRequest, obj: Schedule) -> None:
        services.remove(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        for schedule in queryset:
            services.remove(schedule)

    @admin.action(description="Enable the selected schedules", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        self._switch(request, queryset, enabled=True)

    @admin.action(description="Disable the selected schedules; deploys leave them so", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        self._switch(request, queryset, enabled=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Schedule], *, enabled: bool) -> None:
        switched = [schedule for schedule in queryset if services.change(schedule, enabled=enabled)]
        for schedule in switched:
            self.log_change(request, schedule, "enabled" if enabled else "disabled")
        self.message_user(
            request, f"{len(switched)} schedules {'enabled' if enabled else 'disabled'}.", messages.SUCCESS
        )

    @admin.display(description="owner", ordering="owner")
    def owned_by(self, schedule: Schedule) -> str:
        return str(schedule.owner) if schedule.owner else "code"

    @admin.display(description="rule")
    def rule(self, schedule: Schedule) -> str:
        return str(selectors.rule(schedule) or "cannot be read")

    @admin.display(boolean=True, ordering="entry__enabled")
    def enabled(self, schedule: Schedule) -> bool:
        return bool(schedule.entry.enabled)

    @admin.display(ordering="entry__last_run_at")
    def last_turn(self, schedule: Schedule) -> datetime | None:
        last: datetime | None = schedule.entry.last_run_at
        return last

    @admin.display
    def next_turn(self, schedule: Schedule) -> datetime | None:
        return selectors.next_turn(schedule, timezone.now())


class PlainEntryAdmin(PeriodicTaskAdmin):  # type: ignore[misc]  # django-celery-beat has no annotations
    """Entries that send a message of Celery's own kind."""

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(job_schedule=None)


class _SharedRow:
    """Schedules with the same rule share a row: changing it would change theirs, deleting it would delete them."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class SharedIntervalAdmin(_SharedRow, IntervalScheduleAdmin):  # type: ignore[misc]
    """Intervals to choose from."""


class SharedCrontabAdmin(_SharedRow, CrontabScheduleAdmin):  # type: ignore[misc]
    """Crontabs to choose from."""


for _model, _admin in (
    (PeriodicTask, PlainEntryAdmin),
    (IntervalSchedule, SharedIntervalAdmin),
    (CrontabSchedule, SharedCrontabAdmin),
):
    admin.site.unregister(_model)
    admin.site.register(_model, _admin)
