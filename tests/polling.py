"""Waiting for a state instead of sleeping for a guess."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(look: Callable[[], T], within: float, *, what: str) -> T:
    """Look until the answer is true, and return it; fail with the last answer when `within` seconds are over."""
    deadline = time.monotonic() + within
    over = False
    while not (seen := look()):
        # The last look begins after the deadline, however long this process was held up before it.
        if over:
            raise AssertionError(f"not within {within:g} s: {what}; the last look saw {seen!r}")
        time.sleep(0.02)
        over = time.monotonic() > deadline
    return seen
