"""Waiting for a state of the cluster: a look costs it something, so there is a second between two."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

EVERY = 1.0


def wait_for(look: Callable[[], T], within: float, *, what: str, seen: Callable[[T], Any] = repr) -> T:
    """Look until the answer is true, and return it; fail with the last answer when `within` seconds are over."""
    deadline = time.monotonic() + within
    while not (answer := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}; the last look saw {seen(answer)}")
        time.sleep(EVERY)
    return answer
