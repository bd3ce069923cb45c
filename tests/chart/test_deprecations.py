"""Values that will be gone: NOTES.txt names those that are set, and none outlives the version that it names."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.release.versions import Version
from tests.chart.charts import FOLDER, VERSION, Chart

LIST = "files/deprecations.yaml"
# Helm prints NOTES.txt only where it installs; this makes an object of it.
SHOWN = """apiVersion: v1
kind: ConfigMap
metadata: {name: notes}
data:
  notes: {{ include (print $.Template.BasePath "/NOTES.txt") . | toJson }}
"""
# A copy of the chart deprecates what it has: only the list differs.
MADE_UP = [
    {"value": "relay.pod.priorityClassName", "since": "0.3.0", "removed": "0.5.0", "instead": "pod.priorityClassName"},
    {"value": "beat.pod.labels.team", "since": "0.4.0", "removed": "0.6.0", "instead": "pod.labels"},
]  # fmt: skip


@pytest.fixture(params=["helm", "helm3"])
def deprecating(tmp_path: Path, request: pytest.FixtureRequest) -> Chart:
    folder = tmp_path / "chart"
    shutil.copytree(FOLDER, folder)
    (folder / LIST).write_text(yaml.safe_dump(MADE_UP))
    (folder / "templates" / "notes.yaml").write_text(SHOWN)
    return Chart(folder, helm=request.param)


def notes(chart: Chart, values: dict[str, Any]) -> str:
    [one] = [one for one in chart.render(values=values).all("ConfigMap") if one["metadata"]["name"] == "notes"]
    return str(one["data"]["notes"])


def faults(entries: list[dict[str, str]], version: str) -> list[str]:
    """What is wrong with a list of deprecations in this version of the chart."""
    found = []
    for one in entries:
        since, removed = Version.parse(one["since"]), Version.parse(one["removed"])
        if removed <= since:
            found.append(f"{one['value']} is removed in {removed}, which is not after {since}")
        if removed <= Version.parse(version):
            found.append(f"{one['value']} was to be removed in {removed}, and this is {version}; take it out")
    return found


def test_a_deprecated_value_that_is_set_is_named_with_what_to_set(deprecating: Chart) -> None:
    told = notes(deprecating, {"relay": {"pod": {"priorityClassName": "low"}}})
    assert told.splitlines()[-2:] == [
        "To change before a later version:",
        "  relay.pod.priorityClassName is deprecated since 0.3.0 and will be gone in 0.5.0; set pod.priorityClassName",
    ]


def test_every_one_that_is_set_has_a_line_whatever_it_is_set_to(deprecating: Chart) -> None:
    told = notes(deprecating, {"relay": {"pod": {"priorityClassName": ""}}, "beat": {"pod": {"labels": {"team": ""}}}})
    assert told.count("is deprecated since") == 2


def test_what_is_not_set_is_not_named(deprecating: Chart) -> None:
    for values in ({}, {"relay": {"pod": {}}}, {"beat": {"pod": {"labels": {"other": "a"}}}}):
        assert "deprecated" not in notes(deprecating, values)
        assert "To change" not in notes(deprecating, values)


def test_a_deprecated_value_is_gone_in_the_version_that_was_named() -> None:
    entries = yaml.safe_load((FOLDER / LIST).read_text())
    assert faults(entries, VERSION) == []


def test_a_value_that_outlives_its_version_is_found() -> None:
    assert faults(MADE_UP, "0.4.9") == []
    assert faults(MADE_UP, "0.5.0") == [
        "relay.pod.priorityClassName was to be removed in 0.5.0, and this is 0.5.0; take it out"
    ]
    assert faults([MADE_UP[0] | {"removed": "0.3.0"}], "0.2.0") == [
        "relay.pod.priorityClassName is removed in 0.3.0, which is not after 0.3.0"
    ]
