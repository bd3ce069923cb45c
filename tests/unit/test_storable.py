"""What a jsonb column can hold."""

from __future__ import annotations

from typing import Any

import pytest

from config.storable import DEPTH_MAX, unstorable


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1.5, 10**400, "", "ümläut 🎉", r"\u0000", {"a": [{"b": None}]}, [], {}, nested(DEPTH_MAX)],
    ids=str,
)
def test_ordinary_json_can_be_stored(value: Any) -> None:
    assert unstorable(value) is None


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("a\0b", "NUL"),
        ({"a\0b": 1}, "NUL"),
        ([{"a": ["\0"]}], "NUL"),
        ("\ud800", "surrogate"),
        ({"\udfff": 1}, "surrogate"),
        (float("nan"), "finite"),
        ([float("-inf")], "finite"),
        (nested(DEPTH_MAX + 1), "nested"),
        (nested(100_000), "nested"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() and value.isascii() else "value",
)
def test_the_rest_is_named(value: Any, word: str) -> None:
    fault = unstorable(value)
    assert fault is not None
    assert word in fault
