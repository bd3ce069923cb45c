"""The order in which tests start."""

from __future__ import annotations

import pytest

from tests.order import dealt, shared_out


def test_the_longest_go_to_different_workers_and_the_load_is_even() -> None:
    assert shared_out("abcde", [190, 100, 40, 35, 30], 2) == [["a"], ["b", "c", "d", "e"]]
    assert shared_out("abcde", [190, 100, 40, 35, 30], 4) == [["a"], ["b"], ["c"], ["d", "e"]]


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("rest", [0, 1, 5, 100, 101])
def test_every_test_is_dealt_once_and_each_long_one_begins_a_part(workers: int, rest: int) -> None:
    long = [f"long {number}" for number in range(5)]
    short = [f"short {number}" for number in range(rest)]
    hands = shared_out(long, [5, 4, 3, 2, 1], workers)
    order = dealt(hands, short)
    assert sorted(order) == sorted([*long, *short])
    if rest >= 100:
        begins, left = 0, len(order)
        for position, hand in enumerate(hands):
            assert order[begins : begins + len(hand)] == hand
            size = left // (workers - position)
            begins, left = begins + size, left - size
