"""What an import is asked for, what it remembers and what it answers."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, Field


class ImportRequest(BaseModel, extra="forbid"):
    """The payload of `imports.import_airports`."""

    file: UUID = Field(
        description="the id of a file that the job's owner uploaded: CSV in UTF-8 whose first line names the columns "
        "iata,name,city,state,country,latitude,longitude"
    )


class ImportResult(BaseModel):
    """What became of the rows."""

    imported: int = Field(description="rows that were added, or changed an airport")
    rejected: int = Field(description="rows at fault, which changed nothing")
    errors: UUID | None = Field(description="the id of the CSV file that names each fault; null when there is none")
    remarks: list[str] = Field(description="what else the owner should know, as sentences")


class Position(BaseModel):
    """How far an import has come: its checkpoint. With `result` it has ended but for saying so."""

    rows: int = 0
    imported: int = 0
    rejected: int = 0
    faults: int = 0
    result: ImportResult | None = None
