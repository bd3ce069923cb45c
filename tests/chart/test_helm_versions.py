"""Helm 3 and Helm 4 make the same of the chart."""

from __future__ import annotations

import subprocess

import pytest

from tests.chart.charts import SCENARIOS, Chart, Objects, tool


def settled(objects: Objects) -> list[dict[str, object]]:
    """Without what is random."""
    return [one for one in objects if one["kind"] != "Secret"]


def test_both_helms_are_tried() -> None:
    majors = [
        subprocess.run([tool(name), "version", "--short"], capture_output=True, text=True, check=True).stdout[:2]
        for name in ("helm", "helm3")
    ]
    assert majors == ["v4", "v3"]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_helm_3_and_4_agree(chart: Chart, scenario: str) -> None:
    assert settled(Chart(helm="helm3").render(scenario)) == settled(chart.render(scenario))


def test_helm_3_refuses_the_same() -> None:
    for values in ({"tls": {"secret": "mine"}}, {"workers": {"io": {"pool": "gevent"}}}):
        assert Chart(helm="helm3").refusal(values=values)


@pytest.mark.parametrize("name", ["helm", "helm3"])
def test_the_chart_passes_helms_own_check(chart: Chart, name: str) -> None:
    command = [tool(name), "lint", "--strict", *chart.arguments, str(chart.folder)]
    for scenario in SCENARIOS:
        done = subprocess.run(
            [*command, "--values", str(SCENARIOS[scenario])], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
