"""A CSV file as records, each with the line it begins at.

A file that is no such table is refused as a whole, with the reason. Inside one, what cannot be read costs one line:
after a quote that is never closed, reading goes on with the next line instead of swallowing the rows that follow.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from itertools import islice
from typing import NamedTuple, TextIO

from jobs.policies import Permanent

# Quoted text may contain line breaks, but a record of more lines than this is taken for a quote left open. The limit
# also bounds how often a line is read anew.
RECORD_LINES_MAX = 20
# So many characters of a malformed first line are shown.
SHOWN_MAX = 200


class Record(NamedTuple):
    """Some fields, and why they are none if `problem` is set. `text` is the record's first line."""

    line: int
    text: str
    fields: list[str]
    problem: str


@dataclass(frozen=True)
class Table:
    """A CSV file whose first line has been checked."""

    content: bytes
    encoding: str
    columns: Sequence[str]

    def records(self) -> Iterator[Record]:
        """The records below the first line, in order, read as they are asked for. Blank lines are left out."""
        return islice(_records(_text(self.content, self.encoding), len(self.columns)), 1, None)


def open_table(content: bytes, required: Sequence[str]) -> Table:
    """The file as a table with at least the required columns.

    It is read as UTF-8, with or without a byte order mark, else as Latin-1. Raises Permanent when it is empty or no
    text, and when its first line lacks a column or names one twice.
    """
    encoding = _encoding(content)
    wanted = f"the first line must name the columns {','.join(required)}"
    first = next(_records(_text(content, encoding), None), None)
    if first is None:
        raise Permanent(f"the file is empty; {wanted}")
    if "\0" in first.text:
        raise Permanent(f"the file is no text: its first line contains NUL. It must be CSV in UTF-8, and {wanted}")
    if first.problem:
        raise Permanent(f"the first line {first.problem}; it was {first.text[:SHOWN_MAX]!r}, and {wanted}")
    columns = [column.strip() for column in first.fields]
    if missing := [column for column in required if column not in columns]:
        raise Permanent(
            f"the file lacks the columns {', '.join(missing)}: its first line was {first.text[:SHOWN_MAX]!r}; {wanted}"
        )
    if twice := [column for column in required if columns.count(column) > 1]:
        raise Permanent(f"the first line names the column {twice[0]} more than once; {wanted}, each once")
    return Table(content, encoding, columns)


def _encoding(content: bytes) -> str:
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _text(content: bytes, encoding: str) -> TextIO:
    return TextIOWrapper(BytesIO(content), encoding=encoding, newline="")


def _records(text: TextIO, width: int | None) -> Iterator[Record]:
    """Every record, the first line's included. `width` is how many fields it must have; None for any number."""
    given_back: deque[str] = deque()
    line = 1
    while True:
        taken: list[str] = []
        try:
            fields = next(csv.reader(_take(text, given_back, taken), strict=True))
        except StopIteration:
            return
        except csv.Error as error:
            fields, problem = taken[:1], f"must be well-formed CSV ({error})"
        else:
            wrong = fields and width and len(fields) != width
            problem = f"must have {width} fields, as many as the first line; it has {len(fields)}" if wrong else ""
        if problem:
            given_back.extendleft(reversed(taken[1:]))
            del taken[1:]
        if fields:
            yield Record(line, taken[0].rstrip("\r\n"), fields, problem)
        line += len(taken)


def _take(text: TextIO, given_back: deque[str], taken: list[str]) -> Iterator[str]:
    """The lines of one record: those that were given back, then the file's. `taken` notes them."""
    while len(taken) < RECORD_LINES_MAX and (line := given_back.popleft() if given_back else text.readline()):
        taken.append(line)
        yield line
