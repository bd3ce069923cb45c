"""The contract of overlays/local, promise by promise; the cluster's tests apply it."""

from __future__ import annotations

import base64

from cryptography import x509

from deploy.kustomize.local import NAMESPACE, PASSWORDS
from deploy.kustomize.render import RELEASE
from tests.chart import test_monitoring
from tests.chart.charts import Chart
from tests.kustomize.kustomize import Built


def test_everything_is_in_a_namespace_of_its_own_that_enforces_the_restricted_standard(local: Built) -> None:
    (namespace,) = local.all("Namespace")
    assert namespace["metadata"]["name"] == NAMESPACE
    assert namespace["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}


def test_redis_and_postgresql_come_along_and_are_reached_where_the_settings_say(local: Built, chart: Chart) -> None:
    # What the chart itself says of such a release.
    env = chart.render("existing-secrets").pod("web").env
    for name in ("REDIS_URL", "DATABASE_URL"):
        assert local.settings[name] == env[name].replace("demo-django-celery", RELEASE).replace(
            ".jobs.", f".{NAMESPACE}."
        )
    for server in ("redis", "postgresql"):
        assert local.one("Service", server)["spec"]["selector"].items() <= local.pod(server).metadata["labels"].items()


def test_the_secrets_have_every_key_that_is_asked_for_and_no_other(local: Built) -> None:
    data = local.one("Secret", "secrets")["data"]
    assert set(data) == set(PASSWORDS) == local.asked_of(f"{RELEASE}-secrets")
    values = [base64.b64decode(value) for value in data.values()]
    assert len(set(values)) == len(values)
    assert min(map(len, values)) >= 48
    assert len(local.all("Secret")) == 2


def test_the_certificate_has_every_name_that_the_servers_are_reached_by(local: Built, chart: Chart) -> None:
    data = local.one("Secret", "tls")["data"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(data["tls.crt"]))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    asked = chart.render("cert-manager").one("Certificate", "tls")["spec"]["dnsNames"]
    expected = {one.replace("demo-django-celery", RELEASE).replace(".jobs", f".{NAMESPACE}") for one in asked}
    assert set(names.get_values_for_type(x509.DNSName)) == expected
    assert local.asked_of(f"{RELEASE}-tls") <= set(data) == {"ca.crt", "tls.crt", "tls.key"}


def test_all_pods_run_the_image_that_was_made(local: Built) -> None:
    images = {container["image"] for pod in local.application_pods() for container in pod.containers}
    assert images == {"django-celery:made"}


def test_worker_sets_scale_by_their_jobs_and_io_and_heavy_from_nothing(local: Built) -> None:
    least = {one["metadata"]["name"]: one["spec"]["minReplicaCount"] for one in local.all("ScaledObject")}
    assert least == {
        f"{RELEASE}-worker-critical": 1,
        f"{RELEASE}-worker-default": 1,
        f"{RELEASE}-worker-io": 0,
        f"{RELEASE}-worker-heavy": 0,
    }
    assert all(one["spec"]["maxReplicaCount"] == 3 for one in local.all("ScaledObject"))
    assert local.all("HorizontalPodAutoscaler") == []


def test_every_pod_with_metrics_says_so_and_nothing_asks_for_the_prometheus_operator(local: Built) -> None:
    found = test_monitoring.annotations(local)
    assert found.keys() == test_monitoring.WITH
    assert {one["prometheus.io/scrape"] for one in found.values()} == {"true"}
    assert not [one["kind"] for one in local if one["apiVersion"].startswith("monitoring.coreos.com/")]


def test_at_rest_it_asks_for_less_than_half_a_core_and_a_gigabyte(local: Built) -> None:
    at_rest = [
        pod for pod in local.pods() if pod.metadata["labels"].get("django-celery/worker-set") not in ("io", "heavy")
    ]
    requests = [container["resources"]["requests"] for pod in at_rest for container in pod.spec["containers"]]
    assert sum(int(one["cpu"].removesuffix("m")) for one in requests) < 500
    assert sum(int(one["memory"].removesuffix("Mi")) for one in requests) < 1024
