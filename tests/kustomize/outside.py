"""What staging and production have in common: servers of somebody else, cert-manager, and the Prometheus operator."""

from __future__ import annotations

import json
import re

from deploy.kustomize.render import HERE, RELEASE
from tests.chart import test_monitoring
from tests.chart.charts import Chart
from tests.kustomize.kustomize import Built

OURS = {"redis", "postgresql"}
# Where kube-prometheus-stack is installed by this name, its Prometheus reads what has this label and nothing else.
CHOSEN = {"release": "kube-prometheus-stack"}


def head(overlay: str) -> str:
    """The comment at the beginning of an overlay, as one line."""
    return " ".join(
        (HERE / "overlays" / overlay / "kustomization.yaml").read_text().partition("\napiVersion")[0].split("\n# ")
    )


def needs_the_secrets_it_names(objects: Built, overlay: str) -> None:
    assert objects.all("Secret") == []
    used = {
        volume["secret"]["secretName"] for pod in objects.pods() for volume in pod.spec["volumes"] if "secret" in volume
    }
    assert used == {f"{RELEASE}-secrets", f"{RELEASE}-tls"}
    (keys,) = re.findall(rf"{RELEASE}-secrets \(([^)]+)\)", head(overlay))
    assert set(keys.split(", ")) == objects.asked_of(f"{RELEASE}-secrets")
    assert f"{RELEASE}-tls (ca.crt:" in head(overlay)
    assert objects.asked_of(f"{RELEASE}-tls") == {"ca.crt"}


def has_no_servers_of_its_own(objects: Built, domain: str) -> None:
    assert objects.all("StatefulSet") == []
    assert not OURS & {pod.component for pod in objects.pods()}
    settings = objects.settings
    assert settings["REDIS_URL"] == f"rediss://redis.{domain}:6379/0"
    # Verified, by the authority that is mounted for Redis too.
    assert settings["DATABASE_URL"].startswith(f"postgresql://app@postgresql.{domain}:5432/app?sslmode=verify-full&")
    assert settings["DATABASE_URL"].endswith("&sslrootcert=/run/tls/ca.crt")
    for policy in objects.all("NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            # The way out to them does not lead to pods that are not there.
            assert not OURS & {peer.get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/component")
                               for peer in rule.get("to", [])}  # fmt: skip


def serves_one_host_with_a_certificate(objects: Built, host: str, issuer: str) -> None:
    spec = objects.one("Ingress", "web")["spec"]
    certificate = objects.one("Certificate", "web")["spec"]
    assert [rule["host"] for rule in spec["rules"]] == [host]
    assert spec["tls"] == [{"hosts": [host], "secretName": certificate["secretName"]}]
    assert certificate["dnsNames"] == [host]
    assert certificate["issuerRef"] == {"name": issuer, "kind": "ClusterIssuer"}
    assert objects.settings["ALLOWED_HOSTS"].split(",")[0] == host
    assert objects.settings["TRUSTED_ORIGINS"] == f"https://{host}"
    [backend] = [path["backend"]["service"] for path in spec["rules"][0]["http"]["paths"]]
    assert objects.one("Service", "web")["metadata"]["name"] == backend["name"]


def is_found_by_the_prometheus_operator(objects: Built) -> None:
    monitor = objects.one("PodMonitor", "metrics")
    assert monitor["metadata"]["labels"].items() >= CHOSEN.items()
    assert [one["port"] for one in monitor["spec"]["podMetricsEndpoints"]] == ["metrics"]
    serving = {component for component, ports in test_monitoring.ports(objects).items() if ports}
    assert serving == test_monitoring.WITH
    for pod in objects.pods():
        chosen = monitor["spec"]["selector"]["matchLabels"].items() <= pod.metadata["labels"].items()
        assert chosen, f"{pod.name} is not chosen"
    assert test_monitoring.annotations(objects) == {}


def has_every_alert_for(objects: Built, namespace: str) -> None:
    rule = objects.one("PrometheusRule", "alerts")
    assert rule["metadata"]["namespace"] == namespace
    assert rule["metadata"]["labels"].items() >= CHOSEN.items()
    written = json.dumps(test_monitoring.written(Chart()))
    everywhere, here = json.dumps('namespace=~".+"')[1:-1], json.dumps(f'namespace="{namespace}"')[1:-1]
    assert everywhere in written
    assert rule["spec"]["groups"] == json.loads(written.replace(everywhere, here))


def has_every_dashboard(objects: Built) -> None:
    files = {path.name: path.read_text() for path in (Chart().folder / "dashboards").glob("*.json")}
    assert len(files) >= 3
    found: dict[str, str] = {}
    for one in objects.all("ConfigMap"):
        if one["metadata"].get("labels", {}).get("grafana_dashboard") == "1":
            found |= one["data"]
    assert {name: json.loads(text) for name, text in found.items()} == {
        name: json.loads(text) for name, text in files.items()
    }
