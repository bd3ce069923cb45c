"""What a report and its parts are asked for and answer."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, Field


class Chunk(BaseModel, extra="forbid"):
    """The payload of `reports.count_airports`: airports by their rows' ids."""

    first: int
    before: int | None = Field(description="the first id that is not in it; null for the last chunk")


class ReportResult(BaseModel):
    """The result of `reports.airports_per_state`."""

    states: int = Field(description="lines of the report: states and territories with an airport")
    airports: int = Field(description="airports in these lines")
    unknown: int = Field(description="airports of the country whose state is unknown; they are in no line")
    file: UUID = Field(description="the id of the CSV file with the columns state,airports, most airports first")
