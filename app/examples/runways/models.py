"""Runways, and where they come from."""

from __future__ import annotations

from django.core.validators import URLValidator
from django.db import models


class Feed(models.Model):
    """Another system's list of runways, entered by staff."""

    name = models.SlugField(unique=True)
    url = models.CharField("URL", max_length=500, validators=[URLValidator(schemes=["https", "http"])])
    token = models.CharField(max_length=200, blank=True, help_text="what it knows us by; empty where it asks for none")

    def __str__(self) -> str:
        return self.name


class Runway(models.Model):
    """A runway as a feed knows it."""

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="runways")
    source_id = models.CharField(max_length=50, help_text="its id in the feed")
    airport = models.CharField(max_length=4)
    name = models.CharField(max_length=20)
    length = models.PositiveIntegerField(help_text="metres")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["feed", "source_id"], name="runway_source")]

    def __str__(self) -> str:
        return f"{self.airport} {self.name}"
