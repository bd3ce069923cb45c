"""Waiting for a state of the cluster: a look costs it something, so there is a second between two."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import urllib3
from kubernetes.client.exceptions import ApiException

from devstack.errors import StackError

T = TypeVar("T")

EVERY = 1.0
# A look that fails says "not yet": an API server or a pod may be slow for a moment.
NOT_YET = (
    ApiException,
    AssertionError,
    StackError,
    httpx.TransportError,
    subprocess.TimeoutExpired,
    urllib3.exceptions.HTTPError,
)


def wait_for(look: Callable[[], T], within: float, *, what: str, seen: Callable[[T], Any] = repr) -> T:
    """Look until the answer is true, and return it; fail with the last answer when `within` seconds are over."""
    deadline = time.monotonic() + within
    while True:
        # The last look begins after the deadline, however long this process was held up before it.
        over = time.monotonic() > deadline
        try:
            if answer := look():
                return answer
        except NOT_YET as error:
            if over:
                raise AssertionError(f"not within {within:g} s: {what}; the last look failed: {error}") from error
        else:
            if over:
                raise AssertionError(f"not within {within:g} s: {what}; the last look saw {seen(answer)}")
        time.sleep(EVERY)
