"""Airports, and the faults of a file whose import has not ended yet."""

from __future__ import annotations

from django.db import models

# What the code of an airport and of a state must look like, and the longest text of the other columns. The rows of a
# file are checked against these before they reach the database.
IATA = r"^[0-9A-Z]{3,4}$"
STATE = r"^[0-9A-Z]{0,3}$"
TEXT_LENGTH = 100


class Airport(models.Model):
    """An airport. Small fields have a code of their country's authority in place of one of IATA."""

    iata = models.CharField("IATA code", max_length=4, unique=True)
    name = models.CharField(max_length=TEXT_LENGTH)
    city = models.CharField(max_length=TEXT_LENGTH, blank=True, help_text="empty where unknown")
    state = models.CharField(max_length=3, blank=True, help_text="its code within the country; empty where unknown")
    country = models.CharField(max_length=TEXT_LENGTH)
    latitude = models.FloatField(help_text="degrees, north is positive")
    longitude = models.FloatField(help_text="degrees, east is positive")

    class Meta:
        ordering = ("iata",)
        constraints = [
            models.CheckConstraint(condition=models.Q(iata__regex=IATA), name="airport_iata"),
            models.CheckConstraint(condition=~models.Q(name=""), name="airport_name"),
            models.CheckConstraint(condition=models.Q(state__regex=STATE), name="airport_state"),
            models.CheckConstraint(condition=~models.Q(country=""), name="airport_country"),
            models.CheckConstraint(condition=models.Q(latitude__range=(-90, 90)), name="airport_latitude"),
            models.CheckConstraint(condition=models.Q(longitude__range=(-180, 180)), name="airport_longitude"),
        ]

    def __str__(self) -> str:
        return f"{self.iata} {self.name}"


class RowError(models.Model):
    """A fault of one row. Kept here batch by batch until the import ends and they become its errors file."""

    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="+", db_index=False)
    line = models.PositiveIntegerField(help_text="where the row begins in the file; the first line is 1")
    column = models.CharField(max_length=20, blank=True, help_text="empty where the whole row is at fault")
    value = models.CharField(max_length=100, help_text="shortened, in Python's notation")
    reason = models.CharField(max_length=200)

    class Meta:
        ordering = ("line", "id")
        constraints = [models.UniqueConstraint(fields=["job", "line", "column"], name="row_error_once")]

    def __str__(self) -> str:
        return f"line {self.line}, {self.column or 'row'}: {self.reason}"
