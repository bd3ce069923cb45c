"""Feeds, for staff to enter."""

from __future__ import annotations

from django.contrib import admin

from .models import Feed


@admin.register(Feed)
class FeedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "url")
