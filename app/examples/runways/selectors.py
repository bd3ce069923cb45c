"""What a sync reads."""

from __future__ import annotations

from jobs.policies import Gone

from .models import Feed


def feed(name: str) -> Feed:
    """The feed with this name. Raises Gone when there is none."""
    found = Feed.objects.filter(name=name).first()
    if found is None:
        raise Gone(f"there is no feed {name!r}")
    return found
