"""The rows of a table as airports, or as the faults that make them none. Touches no database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from .models import IATA, STATE, TEXT_LENGTH
from .tables import Table

# How the source says that it does not know. (A state of that code, such as Naples, cannot be told from it.)
UNKNOWN = "NA"
# Characters of a faulty value that are shown.
VALUE_MAX = 60

NUMBER = re.compile(r"\s*[+-]?\d+(\.\d+)?\s*", re.ASCII)


def _known(value: str) -> str:
    return "" if value == UNKNOWN else value


def _number(value: str) -> str:
    """Python reads more as a number than other programs write: nan, 1_0, 1e2."""
    if not NUMBER.fullmatch(value):
        raise ValueError("not a number")
    return value


Text = Annotated[str, Field(max_length=TEXT_LENGTH, pattern=r"^[^\x00]*$")]
Degrees = Annotated[float, BeforeValidator(_number)]


class AirportRow(BaseModel):
    """A row that can be stored. A description says what its column must be, and is the reason given where it is not."""

    model_config = ConfigDict(str_strip_whitespace=True, frozen=True)

    iata: str = Field(pattern=IATA, description="3 or 4 capital letters or digits")
    name: Text = Field(min_length=1, description=f"1 to {TEXT_LENGTH} characters without NUL")
    city: Annotated[Text, AfterValidator(_known)] = Field(
        description=f"at most {TEXT_LENGTH} characters without NUL, empty or {UNKNOWN} where unknown"
    )
    state: Annotated[str, AfterValidator(_known)] = Field(
        pattern=STATE, description=f"1 to 3 capital letters or digits, empty or {UNKNOWN} where unknown"
    )
    country: Text = Field(min_length=1, description=f"1 to {TEXT_LENGTH} characters without NUL")
    latitude: Degrees = Field(ge=-90, le=90, description="degrees from -90 to 90, such as 31.95")
    longitude: Degrees = Field(ge=-180, le=180, description="degrees from -180 to 180, such as -89.23")


COLUMNS = tuple(AirportRow.model_fields)


class Fault(NamedTuple):
    """What is wrong in one place. `column` is empty where it is the whole row."""

    line: int
    column: str
    value: str
    reason: str


class Rejected(NamedTuple):
    """A row that cannot be stored."""

    faults: list[Fault]


def read_airports(table: Table) -> Iterator[AirportRow | Rejected]:
    """Each row of the table, in order, and the same for the same file: an import can go on where it stopped.

    The first good row of an airport counts; a later one of the same airport is rejected, since one of the two must be
    wrong. Holds the codes seen so far in memory.
    """
    first_lines: dict[str, int] = {}
    for record in table.records():
        if record.problem:
            yield Rejected([Fault(record.line, "", shown(record.text), record.problem)])
            continue
        row = _parse(record.line, dict(zip(table.columns, record.fields, strict=True)))
        if isinstance(row, AirportRow) and (first := first_lines.setdefault(row.iata, record.line)) != record.line:
            reason = f"must stand once in a file; line {first} has it already"
            row = Rejected([Fault(record.line, "iata", shown(row.iata), reason)])
        yield row


def shown(value: str) -> str:
    """The value for people, shortened. The quotes keep spreadsheets from reading it as a formula."""
    quoted = repr(value[:VALUE_MAX])
    return quoted if len(quoted) <= VALUE_MAX else quoted[: VALUE_MAX - 1] + "…"


def _parse(line: int, values: dict[str, str]) -> AirportRow | Rejected:
    try:
        return AirportRow.model_validate(values)
    except ValidationError as error:
        at_fault = dict.fromkeys(str(fault["loc"][0]) for fault in error.errors(include_url=False))
    return Rejected([Fault(line, column, shown(values[column]), _reason(column)) for column in at_fault])


def _reason(column: str) -> str:
    return f"must be {AirportRow.model_fields[column].description}"
