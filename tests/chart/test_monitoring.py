"""What Prometheus and Grafana are told: who has metrics, how they are found, alerts, dashboards, and the exporter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from tests.chart.charts import FULL, NAMESPACE, Chart, Objects
from tests.chart.test_network import PROMETHEUS, targets
from tests.cluster import alerts

# Components that serve /metrics, and those of the application that do not.
WITH, WITHOUT = {"web", "worker", "beat", "relay"}, {"migrate", "smoke-test"}
OPERATOR = {"monitoring": {"discovery": "operator"}}
FIND = "prometheus.io/"


def ports(objects: Objects) -> dict[str, set[Any]]:
    """The ports for metrics by component."""
    found: dict[str, set[Any]] = {}
    for pod in objects.pods():
        named = {one["containerPort"] for one in pod.main.get("ports", []) if one["name"] == "metrics"}
        found.setdefault(pod.component, set()).update(named)
    return found


def annotations(objects: Objects) -> dict[str, dict[str, str]]:
    """By component, those by which a Prometheus without the operator finds its pods."""
    return {
        pod.component: found
        for pod in objects.pods()
        if (found := {key: value for key, value in pod.metadata.get("annotations", {}).items() if FIND in key})
    }


@pytest.mark.covers(44)
def test_web_workers_beat_and_the_relay_serve_metrics_on_a_port_of_their_own(chart: Chart) -> None:
    objects = chart.render()
    found = ports(objects)
    assert {component: found[component] for component in WITH} == {component: {9100} for component in WITH}
    assert not set().union(*(found[component] for component in WITHOUT))
    for pod in objects.application_pods():
        assert pod.env.get("METRICS_PORT") == ("9100" if pod.component in WITH else None), pod.name


def test_the_port_is_a_value(chart: Chart) -> None:
    objects = chart.render(values={"monitoring": {"port": 9300}})
    assert ports(objects)["relay"] == {9300}
    assert objects.pod("relay").env["METRICS_PORT"] == "9300"
    assert annotations(objects)["relay"]["prometheus.io/port"] == "9300"


def test_another_projects_image_is_not_taken_to_have_metrics(chart: Chart) -> None:
    objects = chart.render("foreign")
    assert ports(objects)["worker"] == set()
    assert annotations(objects) == {}
    assert "ingress" not in objects.one("NetworkPolicy", "worker-slow")["spec"]
    assert "set monitoring.rules.enabled=false" in chart.refusal("foreign", values=OPERATOR)
    without_alerts = {"monitoring": {"discovery": "operator", "rules": {"enabled": False}}}
    assert chart.render("foreign", values=without_alerts).all("PodMonitor") == []
    exported = chart.render("foreign", values={**without_alerts, "exporter": {"enabled": True}})
    assert len(exported.all("PodMonitor")) == 1
    told = chart.render("foreign", values={"monitoring": {"port": 8080}})
    assert ports(told)["worker"] == {8080}


def test_without_the_operator_pods_say_where_their_metrics_are(chart: Chart) -> None:
    objects = chart.render()
    expected = {"prometheus.io/scrape": "true", "prometheus.io/port": "9100", "prometheus.io/path": "/metrics"}
    assert annotations(objects) == dict.fromkeys(WITH, expected)
    assert {one["apiVersion"] for one in objects if "monitoring.coreos.com" in one["apiVersion"]} == set()


def test_with_the_operator_no_pod_says_it_a_second_time(chart: Chart) -> None:
    for discovery in ("operator", "none"):
        assert annotations(chart.render(values={"monitoring": {"discovery": discovery}})) == {}


@pytest.mark.covers(44)
def test_one_monitor_covers_every_pod_with_metrics(chart: Chart) -> None:
    objects = chart.render("everything")
    spec = objects.one("PodMonitor", "metrics")["spec"]
    assert spec["podMetricsEndpoints"] == [{"port": "metrics", "path": "/metrics", "interval": "30s"}]
    for pod in objects.pods():
        assert spec["selector"]["matchLabels"].items() <= pod.metadata["labels"].items(), pod.name


def test_monitors_and_rules_have_the_labels_by_which_prometheus_chooses(chart: Chart) -> None:
    objects = chart.render("everything")
    kinds = ("PodMonitor", "ServiceMonitor", "PrometheusRule")
    found = [one for kind in kinds for one in objects.all(kind)]
    assert {one["kind"] for one in found} == set(kinds)
    assert {one["metadata"]["labels"]["release"] for one in found} == {"kube-prometheus-stack"}


@pytest.mark.covers(43)
def test_flowers_metrics_are_read_where_that_is_asked_for_and_by_its_service(chart: Chart) -> None:
    objects = chart.render("everything")
    spec = objects.one("ServiceMonitor", "flower")["spec"]
    assert spec["endpoints"] == [{"port": "http", "path": "/metrics", "interval": "30s"}]
    service = objects.one("Service", "flower")
    assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [one["name"] for one in service["spec"]["ports"]] == ["http"]
    closed = chart.render(values={**OPERATOR, "flower": {"enabled": True}})
    assert closed.all("ServiceMonitor") == []


# Alerts.


def written(chart: Chart) -> list[dict[str, Any]]:
    """The groups of alerts/*.yaml, as they are written."""
    files = sorted((chart.folder / "alerts").glob("*.yaml"))
    assert files, "there are no alerts"
    return [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]


def rendered(chart: Chart, **values: Any) -> list[dict[str, Any]]:
    monitoring = {"discovery": "operator", **values}
    [rule] = chart.render(values={"monitoring": monitoring}).all("PrometheusRule")
    assert rule["metadata"]["name"] == f"{FULL}-alerts"
    return list(rule["spec"]["groups"])


def rules(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.covers(44)
def test_every_alert_reaches_the_operator(chart: Chart) -> None:
    ours, theirs = rules(written(chart)), rules(rendered(chart))
    assert len(ours) >= 20
    assert [one.get("alert") or one["record"] for one in theirs] == [one.get("alert") or one["record"] for one in ours]
    for mine, its in zip(ours, theirs, strict=True):
        assert its["expr"] == mine["expr"].replace('namespace=~".+"', f'namespace="{NAMESPACE}"')
        assert {key: value for key, value in its.items() if key != "expr"} == {
            key: value for key, value in mine.items() if key != "expr"
        }


def test_the_alerts_that_are_tried_on_a_cluster_are_there(chart: Chart) -> None:
    assert set(alerts.MADE) <= {rule.get("alert") for rule in rules(written(chart))}


def test_alerts_are_about_the_releases_namespace_alone(chart: Chart) -> None:
    text = json.dumps(rendered(chart))
    assert "namespace=~" not in text
    assert f'namespace=\\"{NAMESPACE}\\"' in text


def test_alerts_can_be_hastened_and_left_out(chart: Chart) -> None:
    hastened = rendered(chart, rules={"for": "5s", "interval": "3s"})
    assert {group["interval"] for group in hastened} == {"3s"}
    assert {rule["for"] for rule in rules(hastened) if "alert" in rule} == {"5s"}
    left_out = {"monitoring": {"discovery": "operator", "rules": {"enabled": False}}}
    assert chart.render(values=left_out).all("PrometheusRule") == []


# Dashboards.


def test_dashboards_are_off_unless_asked_for(chart: Chart) -> None:
    assert not [one for one in chart.render().all("ConfigMap") if "dashboard" in one["metadata"]["name"]]


@pytest.mark.covers(44)
def test_each_dashboard_is_a_configmap_that_grafanas_sidecar_finds(chart: Chart) -> None:
    files = {path.name: json.loads(path.read_text()) for path in (chart.folder / "dashboards").glob("*.json")}
    assert files.keys() >= {"overview.json", "queue.json", "scaling.json"}
    found = {}
    for one in chart.render("everything").all("ConfigMap"):
        if one["metadata"]["labels"].get("grafana_dashboard") == "1":
            assert one["metadata"]["annotations"] == {"grafana_folder": "Background jobs"}
            found |= {name: json.loads(text) for name, text in one["data"].items()}
    assert found == files


# celery-exporter.


@pytest.mark.covers(44)
def test_the_exporter_is_off_and_then_no_worker_sends_events(chart: Chart) -> None:
    objects = chart.render()
    assert not [pod for pod in objects.pods() if pod.component == "exporter"]
    assert not [pod.name for pod in objects.pods() if "WORKER_EVENTS" in pod.env]
    assert "exporter" not in objects.one("ConfigMap", "redis")["data"]["roles"]


def test_with_the_exporter_workers_send_events(chart: Chart) -> None:
    values = {"exporter": {"enabled": True}}
    for pod in chart.render(values=values).application_pods():
        assert pod.env.get("WORKER_EVENTS") == ("true" if pod.component == "worker" else None), pod.name
    assert "--task-events" in chart.render("foreign", values=values).pod("worker", "slow").main["command"]
    assert "--task-events" not in chart.render("foreign").pod("worker", "slow").main["command"]


def test_the_exporter_is_one_and_knows_every_queue(chart: Chart) -> None:
    objects = chart.render("everything")
    spec = objects.one("Deployment", "exporter")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    pod = objects.pod("exporter")
    assert pod.main["image"] == "danihodovic/celery-exporter:0.12.2"
    assert pod.env["CE_QUEUES"] == "critical,default,heavy,io"
    assert ports(objects)["exporter"] == {9808}
    for kind in ("startup", "readiness", "liveness"):
        assert pod.main[f"{kind}Probe"]["httpGet"] == {"path": "/", "port": "metrics"}


def test_the_exporter_has_an_image_of_its_own_whatever_the_applications_is(chart: Chart) -> None:
    values = {"exporter": {"enabled": True}, "image": {"digest": f"sha256:{'0' * 64}"}}
    assert chart.render(values=values).pod("exporter").main["image"] == "danihodovic/celery-exporter:0.12.2"


@pytest.mark.covers(78)
def test_the_exporter_reaches_redis_and_is_reached_by_prometheus(chart: Chart) -> None:
    objects = chart.render(values={"exporter": {"enabled": True}})
    assert targets(objects, "exporter") == {"dns", "redis"}
    assert objects.one("NetworkPolicy", "exporter")["spec"]["ingress"] == [PROMETHEUS]


@pytest.mark.covers(81)
def test_the_exporter_sees_its_own_password_and_no_other(chart: Chart) -> None:
    pod = chart.render("everything").pod("exporter")
    assert pod.items("passwords") == {"redis-exporter": "redis"}
    assert not {"DATABASE_PASSWORD_FILE", "SECRET_KEY_FILE", "CE_BROKER_URL"} & pod.env.keys()


def started(objects: Objects, password: str) -> list[str]:
    """What the exporter's script starts, as a program that prints its arguments, the broker's address and options."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "password").write_text(f"{password}\n")
        (folder / "python").write_text('#!/bin/sh\nprintf "%s\\n" "$*" "$CE_BROKER_URL" "$CE_BROKER_SSL_OPTION"\n')
        (folder / "python").chmod(0o755)
        env = {**objects.pod("exporter").env, "REDIS_PASSWORD_FILE": str(folder / "password")}
        env["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
        script = objects.one("ConfigMap", "exporter")["data"]["start.py"]
        done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.covers(77)
def test_the_exporter_verifies_redis(chart: Chart) -> None:
    program, url, options = started(chart.render("everything"), "p@ss/word#")
    assert program == "/app/cli.py"
    assert url == f"rediss://exporter:p%40ss%2Fword%23@{FULL}-redis.{NAMESPACE}.svc:6379/0"
    assert dict(one.split("=") for one in options.split()) == {
        "ssl_ca_certs": "/run/tls/ca.crt",
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": "1",
        "ssl_certfile": "/run/tls/tls.crt",
        "ssl_keyfile": "/run/tls/tls.key",
    }
