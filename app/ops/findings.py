"""What a check found, and how a list of findings is printed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, cast

from django.core.management.base import OutputWrapper
from rich.console import Console
from rich.table import Table
from rich.text import Text

from config.redaction import redact


class Verdict(StrEnum):
    """What a finding means: all is well, worth knowing, or to be mended."""

    OK = "ok"
    NOTE = "note"
    FAULT = "FAULT"


COLOURS = {Verdict.OK: "green", Verdict.NOTE: "yellow", Verdict.FAULT: "bold red"}


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, the verdict, what was seen and how to mend it."""

    subject: str
    verdict: Verdict
    seen: str
    mend: str = ""

    @property
    def sentence(self) -> str:
        return f"{self.seen}; {self.mend}" if self.mend else self.seen


class Fault(Exception):
    """A step of a check found something to mend."""

    def __init__(self, seen: str, mend: str) -> None:
        super().__init__(seen)
        self.seen = seen
        self.mend = mend


class Note(Exception):
    """A step of a check found something worth knowing; the next step can be taken."""


# A step says what it saw when all is well.
Step = Callable[[], str]


def follow(steps: Iterable[tuple[str, Step]]) -> Iterator[Finding]:
    """Take the steps in order, up to the first fault: the later ones rest on it."""
    for subject, step in steps:
        try:
            yield Finding(subject, Verdict.OK, step())
        except Note as note:
            yield Finding(subject, Verdict.NOTE, str(note))
        except Fault as fault:
            yield Finding(subject, Verdict.FAULT, fault.seen, fault.mend)
            return
        except Exception as error:
            seen = redact(f"the check broke off with {type(error).__name__}: {error}")
            yield Finding(subject, Verdict.FAULT, str(seen), "look at the server's log and try again")
            return


@contextmanager
def alone() -> Iterator[None]:
    """Findings are for people: meanwhile nothing is logged beside them but warnings and worse."""
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@alone()
def show(findings: Iterable[Finding], out: OutputWrapper) -> bool:
    """Print each finding: a table on a terminal, else a line at once. Returns whether there was no fault."""
    if not out.isatty():
        sound = True
        for one in findings:
            out.write(f"{one.verdict:<5}  {one.subject}: {one.sentence}\n")
            sound = sound and one.verdict != Verdict.FAULT
        return sound
    table = Table(box=None, pad_edge=False)
    for heading in ("", "checked", "found"):
        table.add_column(heading)
    seen = list(findings)
    for one in seen:
        table.add_row(Text(one.verdict, COLOURS[one.verdict]), one.subject, Text(one.sentence))
    Console(file=cast(IO[str], out)).print(table)
    return all(one.verdict != Verdict.FAULT for one in seen)
