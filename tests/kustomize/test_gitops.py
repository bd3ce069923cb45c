"""What renders it again finds the same, so that nothing changes on a cluster because somebody looked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.chart.charts import SCENARIOS, Chart, Objects
from tests.kustomize.kustomize import OVERLAYS, copy, text

# As Argo CD calls helm: with CRDs, and with the cluster's own version and APIs.
ARGO = ("--include-crds", "--kube-version", "1.34.0", "--api-versions", "keda.sh/v1alpha1", "--api-versions", "apps/v1")
# What is made at random is kept by looking it up, which needs helm and a cluster.
LOOKS = {"templates/secrets/secret.yaml", "templates/tls/generated.yaml"}


def makes_secrets(scenario: str) -> bool:
    values = yaml.safe_load(SCENARIOS[scenario].read_text()) or {}
    return not values.get("secrets", {}).get("existing")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_second_rendering_of_the_chart_by_another_is_the_same(chart: Chart, scenario: str) -> None:
    first, second = chart, Chart(arguments=ARGO)
    if not makes_secrets(scenario):
        assert first.text(scenario) == second.text(scenario)
        assert first.render(scenario).all("Secret") == []
    ours, theirs = first.render(scenario), second.render(scenario)
    assert without_secrets(ours) == without_secrets(theirs)
    assert len(without_secrets(ours)) >= 5


def without_secrets(objects: Objects) -> list[object]:
    return [one for one in objects if one["kind"] != "Secret"]


def test_scenarios_of_both_kinds_are_rendered() -> None:
    assert {makes_secrets(scenario) for scenario in SCENARIOS} == {True, False}


def test_only_what_is_made_at_random_looks_into_the_cluster(chart: Chart) -> None:
    random = re.compile(r"\b(lookup|rand[A-Z]\w+|gen[A-Z]\w+|now|uuidv4|htpasswd|bcrypt)\b(?=[^\n]*\}\})")
    code = re.compile(r"\{\{-?\s*/\*.*?\*/\s*-?\}\}|^\s*#.*$", re.DOTALL | re.MULTILINE)
    found = {
        str(path.relative_to(chart.folder))
        for path in (chart.folder / "templates").rglob("*.*")
        if path.suffix in (".yaml", ".tpl") and random.search(code.sub("", path.read_text()))
    }
    assert found == LOOKS


def test_the_chart_asks_for_nothing_that_a_renderer_does_not_know(chart: Chart) -> None:
    for path in (chart.folder / "templates").rglob("*.*"):
        assert ".Capabilities" not in path.read_text(), path


def test_the_only_hook_is_helms_test(chart: Chart) -> None:
    """Argo CD passes over it; everything else is applied in any order, and pods wait for what they need."""
    for scenario in SCENARIOS:
        hooks = {
            (one["kind"], value)
            for one in chart.render(scenario)
            for key, value in one["metadata"].get("annotations", {}).items()
            if key == "helm.sh/hook"
        }
        assert hooks <= {("Pod", "test")}, scenario


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_the_same_wherever_and_whenever_it_is_built(folder: Path, tmp_path: Path, name: str) -> None:
    first = text(folder / "overlays" / name)
    assert first == text(folder / "overlays" / name)
    if name != "local":
        assert first == text(copy(tmp_path / "elsewhere") / "overlays" / name)
