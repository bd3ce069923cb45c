"""Beat, the relay and Flower: one of each."""

from __future__ import annotations

import pytest

from tests.chart.charts import FULL, VERSION, Chart


@pytest.mark.covers(23)
def test_there_is_one_beat_and_one_relay(chart: Chart) -> None:
    for scenario in ("default", "everything"):
        objects = chart.render(scenario)
        for name in ("beat", "relay"):
            spec = objects.one("Deployment", name)["spec"]
            assert spec["replicas"] == 1
            assert spec["strategy"] == {"type": "Recreate"}
            assert objects.pod(name).main["args"] == [name]


def test_no_budget_and_no_autoscaler_for_one_of_a_kind(chart: Chart) -> None:
    objects = chart.render("everything")
    for name in ("beat", "relay", "flower", "redis", "postgresql"):
        for kind in ("PodDisruptionBudget", "HorizontalPodAutoscaler", "ScaledObject"):
            assert not objects.has(kind, name)


def test_the_number_of_beats_is_no_value(chart: Chart) -> None:
    for name in ("beat", "relay"):
        assert "replicas" in chart.refusal(values={name: {"replicas": 2}})


@pytest.mark.covers(24)
def test_no_worker_runs_a_beat(chart: Chart) -> None:
    for scenario in ("default", "foreign"):
        for pod in chart.render(scenario).application_pods():
            words = [*pod.main.get("command", []), *pod.main.get("args", [])]
            assert not {"-B", "--beat"} & set(words), pod.name


def test_flower_is_off_unless_asked_for(chart: Chart) -> None:
    assert not [pod for pod in chart.render().pods() if pod.component == "flower"]


@pytest.mark.covers(46)
def test_flower_waits_for_no_worker(chart: Chart) -> None:
    pod = chart.render("everything").pod("flower")
    assert [one["name"] for one in pod.spec["initContainers"]] == ["first"]
    for kind in ("startup", "readiness", "liveness"):
        assert pod.main[f"{kind}Probe"]["httpGet"] == {"path": "/healthcheck", "port": "http"}


def test_flower_asks_for_a_password_and_only_shows(chart: Chart) -> None:
    objects = chart.render("everything")
    config = objects.one("ConfigMap", "flower")["data"]["flowerconfig.py"]
    assert 'basic_auth = ["flower:" + Path("/run/flower/password").read_text().strip()]' in config
    assert "read_only = True" in config
    pod = objects.pod("flower")
    assert "--conf=/etc/flower/flowerconfig.py" in pod.main["command"]
    assert pod.items("flower") == {"flower-password": "password"}


def test_flower_has_neither_the_secret_key_nor_the_database(chart: Chart) -> None:
    pod = chart.render("everything").pod("flower")
    assert "DATABASE_PASSWORD_FILE" not in pod.env
    assert "SECRET_KEY_FILE" not in pod.env
    assert pod.items("passwords") == {"redis-flower": "redis"}


def test_flower_runs_the_images_second_target(chart: Chart) -> None:
    assert chart.render("everything").pod("flower").main["image"] == f"django-celery:{VERSION}-flower"


def test_flower_has_a_service_and_no_ingress(chart: Chart) -> None:
    objects = chart.render("everything")
    assert objects.one("Service", "flower")["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    backends = [
        path["backend"]["service"]["name"]
        for ingress in objects.all("Ingress")
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
    ]
    assert f"{FULL}-flower" not in backends
