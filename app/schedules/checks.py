"""The system checks of declared schedules: a fault stops the deploy, not the first turn."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from . import declarations
from .declarations import Declaration
from .definitions import Faulty, definition_of

# Colons are for the names of users' entries.
CODE_NAME = re.compile(r"[a-z][a-z0-9._-]*")


def check_declarations(**_: Any) -> list[CheckMessage]:
    """What is wrong with the schedules of the installed apps."""
    found: list[CheckMessage] = [Error(sentence, id="schedules.E001") for sentence in faults(declarations.declared())]
    if getattr(settings, "CELERY_BEAT_SCHEDULE", None):
        mend = "Declare its entries with schedules.declarations.schedule."
        found.append(Error("CELERY_BEAT_SCHEDULE is set; Beat here does not read it.", hint=mend, id="schedules.E002"))
    return found


def faults(declared: Sequence[Declaration]) -> Iterable[str]:
    """A sentence for each fault, naming the schedule."""
    for name, times in Counter(declaration.name for declaration in declared).items():
        if times > 1:
            yield f"The schedule {name!r} is declared {times} times; give all but one another name."
        if not CODE_NAME.fullmatch(name):
            yield f"The schedule {name!r} must have a name of the form {CODE_NAME.pattern}, such as reports.daily."
    for declaration in declared:
        try:
            definition_of(declaration)
        except Faulty as error:
            yield from (f"The schedule {declaration.name!r}: {sentence}." for sentence in error.faults.values())
