"""How much memory a prefork child may take."""

from __future__ import annotations

import pytest

from config.worker import share_of

MIB = 1024**2


@pytest.mark.parametrize(
    ("limit", "taken", "concurrency", "share"),
    [(1000, 100, 2, 400), (1000, 100, 1, 800), (1000, 950, 2, 0)],
)
def test_children_share_what_the_main_process_leaves_and_a_tenth_is_kept_back(
    limit: int, taken: int, concurrency: int, share: int
) -> None:
    assert share_of(limit * MIB, taken * MIB, concurrency) == share * MIB
