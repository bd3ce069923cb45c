"""Every object that the chart can make, against Kubernetes' own schemas, strictly: an unknown field is a fault."""

from __future__ import annotations

import json
from functools import cache

import kubernetes_validate
import pytest
from kubernetes_validate import utils

from tests.chart.charts import SCENARIOS, Chart, Object

# The lowest of Chart.yaml's kubeVersion, and the newest that there are schemas of.
VERSIONS = ("1.33", kubernetes_validate.latest_version())
# Their schemas come with their own releases; the cluster's dry run looks at them.
CUSTOM = ("keda.sh/", "cert-manager.io/", "gateway.networking.k8s.io/", "monitoring.coreos.com/")


def distinct(chart: Chart) -> list[tuple[str, Object]]:
    """The objects of all scenarios, each once, with the first scenario that makes it."""
    found: dict[str, tuple[str, Object]] = {}
    for scenario in SCENARIOS:
        for one in chart.render(scenario):
            if not one["apiVersion"].startswith(CUSTOM):
                found.setdefault(json.dumps(one, sort_keys=True), (scenario, one))
    return list(found.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_what_kubernetes_expects(chart: Chart, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # It reads 2 MB of schemas anew for every object.
    monkeypatch.setattr(utils, "schema_contents", cache(utils.schema_contents))
    faults = []
    for scenario, one in distinct(chart):
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            faults.append(f"{scenario}: {one['kind']} {one['metadata']['name']}: {error}")
    assert faults == []


def test_the_lowest_version_is_the_charts(chart: Chart) -> None:
    assert f'kubeVersion: ">={VERSIONS[0]}.0-0"' in (chart.folder / "Chart.yaml").read_text()


def test_an_older_kubernetes_is_refused(chart: Chart) -> None:
    older = Chart(chart.folder, arguments=("--kube-version", "1.32.0"))
    assert "requires kubeVersion" in older.refusal()


def test_custom_resources_name_versions_that_are_served(chart: Chart) -> None:
    versions = {
        one["apiVersion"]
        for scenario in SCENARIOS
        for one in chart.render(scenario)
        if one["apiVersion"].startswith(CUSTOM)
    }
    assert versions == {
        "keda.sh/v1alpha1",
        "cert-manager.io/v1",
        "gateway.networking.k8s.io/v1",
        "monitoring.coreos.com/v1",
    }
