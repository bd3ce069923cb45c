"""The contract of overlays/production, promise by promise."""

from __future__ import annotations

from deploy.kustomize.render import RELEASE
from tests.chart.charts import Object
from tests.kustomize import outside
from tests.kustomize.kustomize import Built

DOMAIN = "example.com"


def test_it_has_no_secret_and_needs_those_that_are_named_above(production: Built) -> None:
    outside.needs_the_secrets_it_names(production, "production")


def test_redis_and_postgresql_are_those_of_the_settings_and_none_comes_along(production: Built) -> None:
    outside.has_no_servers_of_its_own(production, DOMAIN)


def test_cert_manager_makes_the_certificate_of_the_host_that_the_ingress_serves(production: Built) -> None:
    outside.serves_one_host_with_a_certificate(production, f"jobs.{DOMAIN}", "letsencrypt")


def test_three_web_pods_and_two_workers_of_critical_and_default_are_always_there(production: Built) -> None:
    assert production.one("HorizontalPodAutoscaler", "web")["spec"]["minReplicas"] == 3
    least = {name: scaled(production, name)["minReplicaCount"] for name in ("critical", "default", "io", "heavy")}
    assert least == {"critical": 2, "default": 2, "io": 0, "heavy": 0}


def test_with_redis_away_no_set_becomes_smaller_than_its_minimum(production: Built) -> None:
    for name in ("critical", "default", "io", "heavy"):
        spec = scaled(production, name)
        assert spec["fallback"]["behavior"] == "currentReplicasIfHigher"
        assert spec["fallback"]["replicas"] == max(1, spec["minReplicaCount"])


def test_replicas_of_one_thing_are_spread_over_zones_and_nodes(production: Built) -> None:
    for pod in production.application_pods():
        if pod.component == "migrate":
            continue
        constraints = {one["topologyKey"]: one for one in pod.spec["topologySpreadConstraints"]}
        assert set(constraints) == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}, pod.name
        zone = constraints["topology.kubernetes.io/zone"]
        assert (zone["maxSkew"], zone["whenUnsatisfiable"]) == (1, "ScheduleAnyway")
        labels = pod.metadata["labels"]
        assert zone["labelSelector"]["matchLabels"].items() <= labels.items(), pod.name
        # Those of the same thing, and of the same version of it.
        assert {"app.kubernetes.io/component", "django-celery/worker-set"} & labels.keys() <= set(
            zone["matchLabelKeys"]
        )
        assert "pod-template-hash" in zone["matchLabelKeys"]


def test_of_what_can_have_several_replicas_a_drain_takes_one_at_a_time(production: Built) -> None:
    budgets = {one["metadata"]["name"]: one["spec"] for one in production.all("PodDisruptionBudget")}
    several = {
        one["spec"]["scaleTargetRef"]["name"]
        for one in [*production.all("ScaledObject"), *production.all("HorizontalPodAutoscaler")]
    }
    assert budgets.keys() == several
    for name, spec in budgets.items():
        deployment = production.one("Deployment", name.removeprefix(f"{RELEASE}-"))
        assert spec["maxUnavailable"] == 1
        assert spec["selector"] == deployment["spec"]["selector"]


def test_web_and_workers_have_half_a_core_and_a_gigabyte_at_most(production: Built) -> None:
    pods = [pod for pod in production.application_pods() if pod.component in ("web", "worker")]
    assert len(pods) == 5
    for pod in pods:
        resources = {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}}
        assert pod.main["resources"] == resources, pod.name


def test_the_prometheus_operator_finds_every_pod_with_metrics_and_no_pod_says_it_a_second_time(
    production: Built,
) -> None:
    outside.is_found_by_the_prometheus_operator(production)


def test_every_alert_is_there_and_about_this_namespace_alone(production: Built) -> None:
    outside.has_every_alert_for(production, "django-celery-production")


def test_every_dashboard_is_there_for_grafana(production: Built) -> None:
    outside.has_every_dashboard(production)


def test_five_hundred_database_connections_are_enough(production: Built) -> None:
    assert 400 < production.connections() <= 500


def scaled(production: Built, name: str) -> Object:
    return dict(production.one("ScaledObject", f"worker-{name}")["spec"])
