"""What a `jsonb` column can hold. PostgreSQL refuses the rest, and a refusal there would be our mistake."""

from __future__ import annotations

import math
from typing import Any

# Deeper than anything useful, and far from where the parsers of Python and PostgreSQL give up.
DEPTH_MAX = 64


def unstorable(value: Any) -> str | None:
    """What keeps this JSON value out of the database, as the end of a sentence; None when it can be stored."""
    waiting = [(value, 1)]
    while waiting:
        one, depth = waiting.pop()
        if depth > DEPTH_MAX:
            return f"must not be nested more than {DEPTH_MAX} deep"
        if isinstance(one, str):
            if fault := _fault_of_text(one):
                return fault
        elif isinstance(one, float):
            if not math.isfinite(one):
                return "must not contain a number that is not finite"
        elif isinstance(one, dict):
            waiting.extend((part, depth + 1) for item in one.items() for part in item)
        elif isinstance(one, (list, tuple)):
            waiting.extend((item, depth + 1) for item in one)
    return None


def _fault_of_text(text: str) -> str | None:
    if "\0" in text:
        return "must not contain NUL"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        return "must not contain half of a surrogate pair"
    return None
