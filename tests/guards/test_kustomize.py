"""What is rendered from the chart for Kustomize is committed, whole, and has nothing secret in it."""

from __future__ import annotations

import re

import yaml

from deploy.kustomize.render import HERE, components, files, stale
from tests.guards.source import told

MEND = "write it anew: make kustomize"


def test_the_base_and_the_components_are_the_charts() -> None:
    made = files()
    assert len(made) >= 20
    wrong = {
        str(place) for place, text in made.items() if not (HERE / place).exists() or (HERE / place).read_text() != text
    }
    assert not wrong, told(wrong, MEND)
    assert not stale(made), told({str(path) for path in stale(made)}, MEND)


def test_the_base_lists_every_part_of_the_chart() -> None:
    listed = yaml.safe_load((HERE / "base" / "kustomization.yaml").read_text())["resources"]
    assert [f"base/{name}" for name in listed] == sorted(str(place) for place in files() if place.parts[0] == "base")


def test_no_secret_is_rendered() -> None:
    for place, text in files().items():
        assert not re.search(r"^kind: Secret$", text, re.MULTILINE), place


def test_there_is_a_component_for_each_way_of_scaling_for_the_servers_and_for_monitoring() -> None:
    assert {"hpa", "ingress", "keda", "monitoring", "servers"} <= set(components())
