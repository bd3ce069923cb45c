"""Web: Deployment, Service, the ways in, autoscaler and budget."""

from __future__ import annotations

import pytest

from tests.chart.charts import FULL, Chart


def test_web_is_reached_by_its_service(chart: Chart) -> None:
    objects = chart.render()
    service, pod = objects.one("Service", "web"), objects.pod("web")
    assert service["spec"]["selector"].items() <= pod.metadata["labels"].items()
    assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    assert {"name": "http", "containerPort": 8000} in pod.main["ports"]
    assert pod.env["WEB_PORT"] == "8000"


def test_web_answers_to_its_hosts_its_service_and_probes(chart: Chart) -> None:
    hosts = chart.render("everything").pod("web").env["ALLOWED_HOSTS"].split(",")
    assert hosts == ["jobs.example.com", f"{FULL}-web", f"{FULL}-web.jobs.svc", "localhost"]


def test_forms_come_from_its_hosts(chart: Chart) -> None:
    assert chart.render("everything").pod("web").env["TRUSTED_ORIGINS"] == "https://jobs.example.com"


def test_probes_name_a_host_that_web_answers_to(chart: Chart) -> None:
    pod = chart.render().pod("web")
    for kind, path in [("startup", "live"), ("liveness", "live"), ("readiness", "ready")]:
        probe = pod.main[f"{kind}Probe"]["httpGet"]
        assert probe["path"] == f"/health/{path}"
        assert {one["name"]: one["value"] for one in probe["httpHeaders"]} == {"Host": "localhost"}


def test_web_goes_on_answering_while_proxies_learn_that_it_stops(chart: Chart) -> None:
    pod = chart.render().pod("web")
    pause = pod.main["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pause >= 5
    # gunicorn gives running requests 25 s, see app/config/gunicorn.py.
    assert pod.spec["terminationGracePeriodSeconds"] >= pause + 25


def test_a_new_web_pod_answers_before_an_old_one_stops(chart: Chart) -> None:
    strategy = chart.render().one("Deployment", "web")["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


@pytest.mark.covers(73)
def test_web_scales_on_cpu_and_then_no_count_is_written(chart: Chart) -> None:
    objects = chart.render()
    scaler = objects.one("HorizontalPodAutoscaler", "web")["spec"]
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"{FULL}-web"}
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 4)
    assert [one["type"] for one in scaler["metrics"]] == ["ContainerResource"]
    assert scaler["metrics"][0]["containerResource"]["container"] == objects.pod("web").main["name"]
    assert "replicas" not in objects.one("Deployment", "web")["spec"]


def test_web_without_an_autoscaler_has_its_count(chart: Chart) -> None:
    objects = chart.render("small")
    assert objects.one("Deployment", "web")["spec"]["replicas"] == 1
    assert not objects.has("HorizontalPodAutoscaler", "web")


def test_web_has_a_budget_unless_it_is_alone(chart: Chart) -> None:
    objects = chart.render()
    budget = objects.one("PodDisruptionBudget", "web")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert budget["selector"]["matchLabels"].items() <= objects.pod("web").metadata["labels"].items()
    assert not chart.render("small").has("PodDisruptionBudget", "web")


def test_no_way_in_is_made_unasked(chart: Chart) -> None:
    kinds = {one["kind"] for one in chart.render()}
    assert not kinds & {"Ingress", "HTTPRoute"}


def test_an_ingress_leads_to_the_service(chart: Chart) -> None:
    ingress = chart.render("everything").one("Ingress", "web")
    assert ingress["spec"]["ingressClassName"] == "nginx"
    assert ingress["spec"]["tls"] == [{"secretName": "jobs-example-com", "hosts": ["jobs.example.com"]}]
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] == "jobs.example.com"
    assert rule["http"]["paths"][0]["backend"]["service"] == {"name": f"{FULL}-web", "port": {"name": "http"}}


def test_a_route_leads_to_the_service(chart: Chart) -> None:
    route = chart.render("httproute").one("HTTPRoute", "web")["spec"]
    assert route["hostnames"] == ["jobs.example.com"]
    assert route["parentRefs"] == [{"name": "public", "namespace": "gateways"}]
    assert route["rules"] == [{"backendRefs": [{"name": f"{FULL}-web", "port": 80}]}]
