"""Calls that the type checker must refuse, and does: mypy reads this file, and an ignore that it does not need is an
error there. At run time nothing happens: no function here is called.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.guards.source import ROOT
from tests.testapp.tasks import Echo, Nap, echo, nap


def calls_that_are_right() -> None:
    echo.enqueue(Echo(text="ab"), label="greeting")
    nap.enqueue(Nap(seconds=1), unique="one at a time")


def calls_that_are_wrong() -> None:
    echo.enqueue(Nap())  # type: ignore[arg-type]
    echo.enqueue({"text": "ab"})  # type: ignore[arg-type]
    echo.enqueue(Echo(text="ab"), owner="ada")  # type: ignore[arg-type]
    echo.enqueue(Echo(text="ab"), run_at=5)  # type: ignore[arg-type]
    echo.enqueue(Echo(text="ab"), "label")  # type: ignore[arg-type, call-arg]
    echo.enqueue()  # type: ignore[call-arg]
    Echo()  # type: ignore[call-arg]


@pytest.mark.covers(122)
def test_mypy_reads_this_file() -> None:
    checked = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert str(Path(__file__).relative_to(ROOT)) in checked["files"]
    assert checked["strict"] is True, "an ignore that is not needed would pass"
