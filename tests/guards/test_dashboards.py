"""Grafana's dashboards: committed as they would be made, and asking for what there is."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.queues import Queue
from deploy.dashboards.__main__ import texts
from deploy.dashboards.panels import DATASOURCE, FOLDER, SCHEMA
from tests.chart.charts import tool
from tests.guards.source import ROOT, told

FILES = sorted(FOLDER.glob("*.json"))
# Where Prometheus gets them from besides the application, of what they have: KEDA, and kube-state-metrics.
OF_KEDA = {
    "keda_scaler_detail_errors_total",
    "keda_scaler_metrics_latency_seconds",
    "keda_scaler_metrics_value",
    "keda_scaled_object_paused",
}
OF_KUBE_STATE = {
    "kube_deployment_status_replicas_ready",
    "kube_horizontalpodautoscaler_spec_max_replicas",
    "kube_horizontalpodautoscaler_status_desired_replicas",
}
UNITS = {"short", "s", "ops", "bytes", "percentunit"}
# What a name that Grafana fills in is for Prometheus.
FILLED = {"$__rate_interval": "5m", "$namespace": ".+", "$queue": "default"}
METRIC = re.compile(r"\b[a-z_]+(?=\{)")


def dashboards() -> dict[str, dict[str, Any]]:
    return {path.name: json.loads(path.read_text()) for path in FILES}


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each panel with something to show, by the place where it is."""
    for name, dashboard in dashboards().items():
        for panel in dashboard["panels"]:
            if panel["type"] != "row":
                yield f"{name}: {panel['title']}", panel


def asked() -> dict[str, list[str]]:
    """What each panel asks for, as Prometheus would see it."""
    return {place: [filled(target["expr"]) for target in panel["targets"]] for place, panel in panels()}


def filled(expr: str) -> str:
    for variable, value in FILLED.items():
        expr = expr.replace(variable, value)
    return expr


def metrics(expr: str) -> set[str]:
    """The metrics that an expression names. Histograms by their own name."""
    return {re.sub(r"_bucket$", "", name) for name in METRIC.findall(expr)}


def test_the_committed_dashboards_are_those_that_would_be_made() -> None:
    made = texts()
    assert {path.name for path in FILES} == made.keys()
    stale = {path.name for path in FILES if path.read_text() != made[path.name]}
    assert not stale, told(stale, "write it anew: make docs")


@pytest.mark.covers(44)
def test_every_expression_is_one_for_prometheus(tmp_path: Path) -> None:
    found = asked()
    assert sum(len(exprs) for exprs in found.values()) >= 60
    rules = [
        {"record": f"asked_{number}", "expr": expr, "labels": {"place": place, "number": str(number)}}
        for place, exprs in found.items()
        for number, expr in enumerate(exprs)
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    done = subprocess.run([tool("promtool"), "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_broken_expression_would_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "x", "rules": [{"record": "x", "expr": "sum by (queue"}]}]}))
    done = subprocess.run([tool("promtool"), "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode != 0


def test_every_variable_of_an_expression_is_one_of_its_dashboard() -> None:
    for name, dashboard in dashboards().items():
        known = {one["name"] for one in dashboard["templating"]["list"]} | {"__rate_interval"}
        used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard["panels"])))
        assert used <= known, name
        assert known <= used | {"__rate_interval"}, f"{name} has a variable that nothing uses"


def test_every_series_is_of_the_chosen_namespace() -> None:
    for place, panel in panels():
        for target in panel["targets"]:
            selectors = re.findall(r"[a-z_]+\{([^}]*)\}", target["expr"])
            assert selectors, place
            for selector in selectors:
                assert selector.startswith(('namespace=~"$namespace"', 'exported_namespace=~"$namespace"')), place


@pytest.mark.covers(44)
def test_only_metrics_are_asked_for_that_somebody_has() -> None:
    known = of_the_application() | OF_KEDA | OF_KUBE_STATE
    named = {place: set().union(*map(metrics, exprs)) for place, exprs in asked().items()}
    unknown = {f"{place} asks for {metric}" for place, found in named.items() for metric in found - known}
    assert not unknown, told(unknown, "nobody has this metric; was one renamed?")
    needless = (OF_KEDA | OF_KUBE_STATE) - set().union(*named.values())
    assert not needless, told(needless, "no dashboard asks for it; take it out of the list")


def of_the_application() -> set[str]:
    """Its committed snapshot, and what every process has by prometheus_client."""
    names = set(re.findall(r"^\| `([a-z_]+)` \|", SNAPSHOT.read_text(), re.MULTILINE))
    assert len(names) >= 30
    return names | {"process_resident_memory_bytes", "process_cpu_seconds_total"}


def test_what_needs_kube_state_metrics_says_so() -> None:
    for place, panel in panels():
        needs = any(metrics(target["expr"]) & OF_KUBE_STATE for target in panel["targets"])
        assert needs == ("Needs kube-state-metrics" in panel["description"]), place


def test_every_panel_has_a_unit_and_a_title_of_its_own() -> None:
    places = [place for place, _ in panels()]
    assert len(places) == len(set(places)) >= 40
    for place, panel in panels():
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, place
        assert all(target["legendFormat"] for target in panel["targets"]), place


def test_no_datasource_is_named() -> None:
    for path in FILES:
        dashboard = json.loads(path.read_text())
        assert dashboard["schemaVersion"] == SCHEMA
        assert dashboard["uid"].startswith("jobs-")
        assert "id" not in dashboard, "a number that one Grafana gave it"
        named = {json.dumps(one) for one in re.findall(r'"uid": "([^"]+)"', path.read_text())}
        assert named == {json.dumps(dashboard["uid"]), json.dumps(DATASOURCE["uid"])}, path.name


def test_panels_lie_beside_and_below_each_other() -> None:
    for name, dashboard in dashboards().items():
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            mine = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                    for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
            assert not mine & taken, f"{name}: {panel['title']} lies over another"
            assert place["x"] + place["w"] <= 24
            taken |= mine


@pytest.mark.covers(44)
def test_every_queue_is_there() -> None:
    found = dashboards()
    [variable] = [one for one in found["queue.json"]["templating"]["list"] if one["name"] == "queue"]
    assert [one["value"] for one in variable["options"]] == list(Queue)
    rows = [panel["title"] for panel in found["scaling.json"]["panels"] if panel["type"] == "row"]
    assert rows == ["KEDA", *Queue]


SNAPSHOT = ROOT / "docs" / "metrics.md"
