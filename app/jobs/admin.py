"""Jobs for staff: to look at, and three things to do with them. Nothing here edits a row.

Looking needs the permission `view_job`, acting `change_job`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import User
from config.redaction import redact

from . import registry, selectors, services
from .models import File, Job, JobEvent

# One request acts on so many jobs at most, so that it ends before its worker is given up.
ACTED_ON_MAX = 1_000


class ReadOnly:
    """No row is added, changed or deleted by hand: the history would no longer be true."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class TypeFilter(admin.SimpleListFilter):
    """By job type, from the registry: asking the table which types it holds would read all of it."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(declared.name, declared.name) for declared in registry.job_types()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        return queryset.filter(type=self.value()) if self.value() else queryset


class EventInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = JobEvent
    fields = readonly_fields = ("at", "kind", "attempt", "actor", "data")
    ordering = ("id",)
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[JobEvent]:
        return super().get_queryset(request).select_related("actor")


@admin.register(Job)
class JobAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Jobs. Dead letters are those with the state dead."""

    list_display = ("id", "type", "label", "queue", "state", "reason", "attempt", "owner", "created_at", "finished_at")
    list_filter = ("state", "reason", "queue", TypeFilter, "created_at")
    list_select_related = ("owner",)
    list_per_page = 50
    # The number of all jobs would be counted anew for each page.
    show_full_result_count = False
    ordering = ("-id",)
    search_fields = ("id", "type", "owner__username")
    search_help_text = "the id of a job, the beginning of its type, or the name of its owner"
    inlines = (EventInline,)
    actions = ("retry", "cancel", "discard")
    fieldsets = (
        (None, {"fields": ("id", "type", "label", "owner", "queue", "state", "reason", "error")}),
        ("What it was given and what it made", {"fields": ("payload_text", "result_text", "progress", "checkpoint")}),
        ("When", {"fields": ("created_at", "run_at", "expires_at", "started_at", "finished_at")}),
        ("Attempts", {"fields": ("attempt", "failures", "losses", "cancel_requested", "traceback_text")}),
        ("Who holds it", {"fields": ("dispatch", "dispatched_at", "worker", "pid", "lease_expires_at")}),
        (
            "Where it comes from",
            {"fields": ("request_id", "idempotency_key", "unique_key", "schedule", "slot", "retry_of", "retried_as")},
        ),
    )

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether the actions are offered."""
        return request.user.has_perm("jobs.change_job")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        jobs = super().get_queryset(request)
        one = request.resolver_match and "object_id" in request.resolver_match.kwargs
        return jobs if one else jobs.defer(*selectors.LARGE_COLUMNS)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        """Jobs by what has an index or is short, which text inside of ids is not."""
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(id=UUID(term)), False
        except ValueError:
            return queryset.filter(Q(type__startswith=term) | Q(owner__username=term)), False

    @admin.display(description="payload")
    def payload_text(self, job: Job) -> SafeString:
        return _pretty(job.payload)

    @admin.display(description="result")
    def result_text(self, job: Job) -> SafeString:
        return _pretty(job.result)

    @admin.display(description="traceback")
    def traceback_text(self, job: Job) -> SafeString:
        return format_html("<pre>{}</pre>", job.traceback or "-")

    @admin.action(description="Retry the selected dead letters", permissions=["operate"])
    def retry(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._do(request, services.retry, jobs, "retried")

    @admin.action(description="Cancel the selected jobs", permissions=["operate"])
    def cancel(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._do(request, services.cancel, jobs, "cancelled or asked to stop")

    @admin.action(description="Discard the selected dead letters", permissions=["operate"])
    def discard(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._do(request, services.discard, jobs, "discarded")

    def _do(
        self, request: HttpRequest, action: Callable[[UUID, User | None], Job], jobs: QuerySet[Job], what: str
    ) -> None:
        ids = list(jobs.values_list("id", flat=True)[: ACTED_ON_MAX + 1])
        if len(ids) > ACTED_ON_MAX:
            text = f"More than {ACTED_ON_MAX} jobs were selected, and nothing was done; narrow the list by a filter."
            self.message_user(request, text, messages.ERROR)
            return
        actor = request.user if isinstance(request.user, User) else None
        done, refused = services.for_each(action, ids, actor)
        if done:
            self.message_user(request, f"{len(done)} {what}.", messages.SUCCESS)
        for sentence in refused[:10]:
            self.message_user(request, sentence, messages.WARNING)
        if len(refused) > 10:
            self.message_user(request, f"{len(refused) - 10} more were refused.", messages.WARNING)


@admin.register(File)
class FileAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Files, without what is in them."""

    list_display = ("id", "name", "content_type", "size", "owner", "job", "created_at")
    list_select_related = ("owner", "job")
    list_per_page = 50
    show_full_result_count = False
    ordering = ("-id",)
    fields = list_display

    def get_queryset(self, request: HttpRequest) -> QuerySet[File]:
        return super().get_queryset(request).defer("content")


def _pretty(value: Any) -> SafeString:
    """JSON for people, without what looks like a secret."""
    return format_html("<pre>{}</pre>", json.dumps(redact(value), indent=2, ensure_ascii=False, sort_keys=True))
