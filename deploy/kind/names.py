"""What is called how, and where the manifests of others come from."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm" / "django-celery"
CONFIG = ROOT / "deploy" / "kind" / "cluster.yaml"
PROMETHEUS = ROOT / "deploy" / "kind" / "prometheus.yaml"
VALUES = ROOT / "deploy" / "kind" / "values.yaml"
# Laid over them where there is a Prometheus.
VALUES_WITH_MONITORING = ROOT / "deploy" / "kind" / "monitoring.yaml"
# What a checkout remembers of its cluster.
FOLDER = ROOT / ".local" / "kind"

CLUSTER = "django-celery"
# The node is a container.
NODE = f"{CLUSTER}-control-plane"
CONTEXT = f"kind-{CLUSTER}"
NAMESPACE = "django-celery"
RELEASE = "django-celery"
IMAGE = "django-celery"
# The port is in cluster.yaml.
URL = "http://localhost:8080"

# Files or URLs, so that a company behind a firewall can name its own copies. Variables of the same names overrule them.
KEDA_MANIFEST = os.environ.get(
    "KEDA_MANIFEST", "https://github.com/kedacore/keda/releases/download/v2.20.2/keda-2.20.2.yaml"
)
METRICS_SERVER_MANIFEST = os.environ.get(
    "METRICS_SERVER_MANIFEST",
    "https://github.com/kubernetes-sigs/metrics-server/releases/download/v0.9.0/components.yaml",
)
PROMETHEUS_OPERATOR_MANIFEST = os.environ.get(
    "PROMETHEUS_OPERATOR_MANIFEST",
    "https://github.com/prometheus-operator/prometheus-operator/releases/download/v0.85.0/bundle.yaml",
)
# Whether `make kind-up` brings Prometheus too.
MONITORING = os.environ.get("MONITORING", "") not in ("", "0")
# Empty: the image that kind itself was released with.
KIND_NODE_IMAGE = os.environ.get("KIND_NODE_IMAGE", "")
