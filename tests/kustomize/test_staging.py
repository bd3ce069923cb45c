"""The contract of overlays/staging, promise by promise."""

from __future__ import annotations

from tests.kustomize import outside
from tests.kustomize.kustomize import Built

DOMAIN = "staging.example.com"


def test_it_has_no_secret_and_needs_those_that_are_named_above(staging: Built) -> None:
    outside.needs_the_secrets_it_names(staging, "staging")


def test_redis_and_postgresql_are_those_of_the_settings_and_none_comes_along(staging: Built) -> None:
    outside.has_no_servers_of_its_own(staging, DOMAIN)


def test_cert_manager_makes_the_certificate_of_the_host_that_the_ingress_serves(staging: Built) -> None:
    outside.serves_one_host_with_a_certificate(staging, f"jobs.{DOMAIN}", "letsencrypt-staging")


def test_no_set_has_more_than_three_replicas_and_web_no_more_than_two(staging: Built) -> None:
    assert {one["spec"]["maxReplicaCount"] for one in staging.all("ScaledObject")} == {3}
    web = staging.one("HorizontalPodAutoscaler", "web")["spec"]
    assert (web["minReplicas"], web["maxReplicas"]) == (1, 2)


def test_the_prometheus_operator_finds_every_pod_with_metrics_and_no_pod_says_it_a_second_time(staging: Built) -> None:
    outside.is_found_by_the_prometheus_operator(staging)


def test_every_alert_is_there_and_about_this_namespace_alone(staging: Built) -> None:
    outside.has_every_alert_for(staging, "django-celery-staging")


def test_every_dashboard_is_there_for_grafana(staging: Built) -> None:
    outside.has_every_dashboard(staging)


def test_two_hundred_database_connections_are_enough(staging: Built) -> None:
    assert 100 < staging.connections() <= 200
