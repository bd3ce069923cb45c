"""What is declared is locked, what is locked is installed, and what is installed fits together."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.guards.source import ROOT, told

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK: dict[str, Any] = tomllib.loads((ROOT / "uv.lock").read_text())
[OURS] = [package for package in LOCK["package"] if package["name"] == PROJECT["project"]["name"]]
# Asked for by a package of which only the data are used (see `override-dependencies`).
LEFT_OUT = {"pandas"}

Wanted = set[tuple[str, frozenset[str], SpecifierSet]]


def name_of(package: str) -> str:
    """As the index spells it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", package).lower()


def installed() -> dict[str, str]:
    return {name_of(one.metadata["Name"]): one.version for one in metadata.distributions()}


def declared(entries: list[str | dict[str, str]]) -> Wanted:
    """What pyproject.toml asks for, groups that are included in others opened."""
    wanted: Wanted = set()
    for entry in entries:
        if isinstance(entry, dict):
            wanted |= declared(PROJECT["dependency-groups"][entry["include-group"]])
        else:
            one = Requirement(entry)
            wanted.add((name_of(one.name), frozenset(one.extras), one.specifier))
    return wanted


def recorded(entries: list[dict[str, Any]]) -> Wanted:
    """What the lock was made for."""
    return {(one["name"], frozenset(one.get("extras", ())), SpecifierSet(one.get("specifier", ""))) for one in entries}


@pytest.mark.covers(5)
def test_the_lock_was_made_for_what_is_declared() -> None:
    mend = "pyproject.toml has changed since the lock was made: make lock"
    assert recorded(OURS["metadata"]["requires-dist"]) == declared(PROJECT["project"]["dependencies"]), mend
    groups = PROJECT["dependency-groups"]
    assert set(OURS["metadata"]["requires-dev"]) == set(groups), mend
    for name, entries in groups.items():
        assert recorded(OURS["metadata"]["requires-dev"][name]) == declared(entries), f"group {name}: {mend}"


@pytest.mark.covers(5)
def test_what_is_installed_is_what_is_locked() -> None:
    # A package may be locked in several versions, for different versions of Python.
    locked: dict[str, set[str]] = {}
    for package in LOCK["package"]:
        locked.setdefault(package["name"], set()).add(package["version"])
    both = {name: version for name, version in installed().items() if name in locked}
    assert len(both) >= 60
    other = {f"{name} {one}, locked is {locked[name]}" for name, one in both.items() if one not in locked[name]}
    assert not other, told(other, "install from the lock: make check does it first, or python3 deploy/local/uv.py sync")


@pytest.mark.covers(5)
def test_every_archive_is_locked_by_its_hash() -> None:
    archives = [
        archive
        for package in LOCK["package"]
        for archive in (*package.get("wheels", ()), *filter(None, [package.get("sdist")]))
    ]
    assert len(archives) >= 500
    assert all(archive["hash"].startswith("sha256:") for archive in archives)


@pytest.mark.covers(5)
def test_every_package_has_what_it_asks_for() -> None:
    """What `pip check` does, without pip."""
    unmet = {f"{package} asks for {requirement}" for package, requirement in unmet_requirements()}
    assert not unmet, told(unmet, "the versions in pyproject.toml contradict each other")


def unmet_requirements() -> Iterator[tuple[str, Requirement]]:
    found = installed()
    for package in metadata.distributions():
        for text in package.requires or ():
            one = Requirement(text)
            applies = one.marker is None or one.marker.evaluate({"extra": ""})
            if not applies or name_of(one.name) in LEFT_OUT:
                continue
            version = found.get(name_of(one.name))
            if version is None or not one.specifier.contains(version, prereleases=True):
                yield package.metadata["Name"], one
