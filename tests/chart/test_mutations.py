"""The tests of the chart, tested: each line of mutations.txt damages a copy of it, and the test it names must fail."""

from __future__ import annotations

import importlib
import inspect
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.chart.charts import FOLDER, Chart

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Mutation:
    """One damage: a file, what stands in it once, what stands there instead, and the test that sees it."""

    file: str
    before: str
    after: str
    test: str

    def damage(self, folder: Path) -> None:
        path = folder / self.file
        text = path.read_text()
        assert text.count(self.before) == 1, f"{self.file} has {text.count(self.before)} times {self.before!r}"
        path.write_text(text.replace(self.before, self.after))


def mutations() -> list[Mutation]:
    found = []
    for line in (HERE / "mutations.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            place, change, test = line.split(" :: ")
            before, after = change.split(" => ")
            found.append(Mutation(place, before, after, test))
    return found


def rules() -> dict[str, Callable[[Chart], None]]:
    """Every test that takes the chart and nothing else."""
    found: dict[str, Callable[[Chart], None]] = {}
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(f"tests.chart.{path.stem}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("test_") and list(inspect.signature(function).parameters) == ["chart"]:
                found[name] = function
    return found


def survives(mutation: Mutation, folder: Path) -> bool:
    """Whether the damaged chart passes the test."""
    shutil.copytree(FOLDER, folder)
    mutation.damage(folder)
    try:
        rules()[mutation.test](Chart(folder))
    except Exception:
        return False
    return True


def test_every_damage_is_seen(tmp_path: Path) -> None:
    found = mutations()
    with ThreadPoolExecutor(4) as threads:
        results = threads.map(lambda numbered: survives(numbered[1], tmp_path / str(numbered[0])), enumerate(found))
        survivors = [mutation for mutation, survived in zip(found, results, strict=True) if survived]
    assert survivors == []


def test_there_are_enough_damages_in_enough_files() -> None:
    found = mutations()
    assert len(found) >= 40
    assert len({mutation.file for mutation in found}) >= 15
    assert len({mutation.test for mutation in found}) >= 30


def test_every_damage_names_a_test() -> None:
    assert {mutation.test for mutation in mutations()} <= rules().keys()
