"""The Prometheus operator and a Prometheus beside the release, where `make kind-up MONITORING=1` asks for them."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from deploy.kind.cluster import apply, read
from deploy.kind.names import PROMETHEUS, VALUES_WITH_MONITORING
from deploy.kind.programs import kubectl

NAMESPACE = "monitoring"
# As the operator names them after the Prometheus in prometheus.yaml.
SERVICE = "prometheus-operated"
POD = "prometheus-prometheus-0"
PORT = 9090
KINDS = ("podmonitors", "prometheuses", "prometheusrules", "servicemonitors")


def install_operator(manifest: str) -> None:
    """The operator, in a namespace of its own: its release's manifest says `default`."""
    apply(yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}))
    # As text: to read its definitions as YAML takes half a minute.
    apply(re.sub(r"^( +namespace: )default$", rf"\g<1>{NAMESPACE}", read(manifest), flags=re.MULTILINE))
    kubectl("wait", *(f"crd/{kind}.monitoring.coreos.com" for kind in KINDS), "--for=condition=Established",
            "--timeout=60s")  # fmt: skip
    kubectl("--namespace", NAMESPACE, "wait", "deployment/prometheus-operator", "--for=condition=Available",
            "--timeout=300s")  # fmt: skip


def install_prometheus() -> None:
    """A Prometheus that reads every monitor and rule of the cluster, KEDA's metrics included."""
    apply(PROMETHEUS.read_text())
    kubectl("--namespace", NAMESPACE, "wait", "prometheus/prometheus", "--for=condition=Available", "--timeout=300s")


def is_there() -> bool:
    """Whether an earlier `make kind-up` has installed it: later ones and the tests keep it in use."""
    return bool(kubectl("get", "namespace", NAMESPACE, "--ignore-not-found", "--output", "name").strip())


def values() -> list[Path]:
    """What the chart is told of it."""
    return [VALUES_WITH_MONITORING] if is_there() else []
