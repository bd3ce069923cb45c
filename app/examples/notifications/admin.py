"""Endpoints, for staff to enter."""

from __future__ import annotations

from django.contrib import admin

from .models import Endpoint


@admin.register(Endpoint)
class EndpointAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("url", "owner")
    search_fields = ("url", "owner__username")
    autocomplete_fields = ("owner",)
