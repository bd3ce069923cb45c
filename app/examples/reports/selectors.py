"""What a report reads."""

from __future__ import annotations

from django.db.models import Count, F, Window
from django.db.models.functions import Mod, RowNumber

from ..imports.models import Airport

# As the source spells it.
COUNTRY = "USA"


def chunk_starts(size: int) -> list[int]:
    """The id of the first row of each chunk of so many airports: a walk through the whole table."""
    numbered = Airport.objects.annotate(place=Mod(Window(RowNumber(), order_by=F("id").asc()) - 1, size))
    return list(numbered.filter(place=0).order_by("id").values_list("id", flat=True))


def airports_per_state(first: int, before: int | None) -> dict[str, int]:
    """How many airports of the chunk each state of the United States has; '' stands for those without one."""
    chunk = Airport.objects.filter(country=COUNTRY, id__gte=first)
    if before is not None:
        chunk = chunk.filter(id__lt=before)
    return dict(chunk.values_list("state").annotate(airports=Count("id")).order_by("state"))
