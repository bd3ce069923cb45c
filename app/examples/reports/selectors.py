"""What a report reads."""

from __future__ import annotations

from django.db.models import Count

from ..imports.models import Airport

# As the source spells it.
COUNTRY = "USA"


def airports_per_state() -> list[tuple[str, int]]:
    """Each state of the United States with its number of airports, most first; '' stands for those without one."""
    counted = Airport.objects.filter(country=COUNTRY).values("state").annotate(airports=Count("id"))
    return list(counted.order_by("-airports", "state").values_list("state", "airports"))
