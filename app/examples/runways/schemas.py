"""What a sync is asked for, what the other system answers, what it remembers and returns."""

from __future__ import annotations

from pydantic import BaseModel, Field


class SyncRequest(BaseModel, extra="forbid"):
    """The payload of `runways.sync_runways`."""

    feed: str = Field(max_length=50, description="the name of a feed that staff have entered")


class RunwayItem(BaseModel):
    """A runway as the other system tells it; what else it says is passed over."""

    id: str = Field(min_length=1, max_length=50)
    airport: str = Field(pattern=r"^[0-9A-Z]{3,4}$")
    name: str = Field(min_length=1, max_length=20, pattern=r"^[^\x00]*$")
    length: int = Field(ge=0, le=100_000)


class Page(BaseModel):
    """One answer of the other system."""

    items: list[RunwayItem]
    next: str | None = Field(max_length=1_000, description="the cursor of the next page; null on the last one")


class Position(BaseModel):
    """How far a sync has come: its checkpoint, and when `done` its result."""

    cursor: str | None = None
    pages: int = 0
    runways: int = 0
    done: bool = False
