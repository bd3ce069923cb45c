"""A pytest plugin: tests that wait long start first, each on a worker of its own, while the others use the CPU.

`@pytest.mark.waits(190)` says how many seconds a test takes, most of them without work. Without it the longest one may
begin last, and the whole run waits for it alone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest

T = TypeVar("T")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests into the order in which pytest-xdist's `worksteal` deals them out."""
    seconds = {item: waits(item) for item in items}
    long = sorted((item for item in items if seconds[item]), key=lambda item: -seconds[item])
    rest = [item for item in items if not seconds[item]]
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = dealt(shared_out(long, [seconds[item] for item in long], workers), rest)


def waits(item: pytest.Item) -> float:
    marker = item.get_closest_marker("waits")
    return float(marker.args[0]) if marker else 0.0


def shared_out(long: Sequence[T], seconds: Sequence[float], workers: int) -> list[list[T]]:
    """Give each worker about the same time: the longest first, always to the one that has least."""
    hands: list[list[T]] = [[] for _ in range(workers)]
    loads = [0.0] * workers
    for one, duration in zip(long, seconds, strict=True):
        least = loads.index(min(loads))
        hands[least].append(one)
        loads[least] += duration
    return hands


def dealt(hands: Sequence[Sequence[T]], rest: Sequence[T]) -> list[T]:
    """Each hand at the beginning of one of the equal parts into which `worksteal` cuts the list, and the rest after it.

    An idle worker then takes from the end of another's part.
    """
    left = len(rest) + sum(map(len, hands))
    order: list[T] = []
    used = 0
    for position, hand in enumerate(hands):
        size = left // (len(hands) - position)
        more = max(size - len(hand), 0)
        part = [*hand, *rest[used : used + more]]
        order += part
        used += more
        left -= len(part)
    return [*order, *rest[used:]]
