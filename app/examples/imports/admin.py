"""Airports, to look at: imports change them."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from .models import Airport


@admin.register(Airport)
class AirportAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("iata", "name", "city", "state", "country")
    list_filter = ("country",)
    search_fields = ("iata", "name", "city")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Airport | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Airport | None = None) -> bool:
        return False
