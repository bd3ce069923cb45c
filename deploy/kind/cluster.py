"""The cluster, and what it needs before the chart can be installed."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import yaml

from deploy.kind.names import CLUSTER, CONFIG, IMAGE, KIND_NODE_IMAGE, NAMESPACE, NODE
from deploy.kind.programs import kubectl, run
from devstack.errors import StackError

# The strictest of Kubernetes' standards for pods: the cluster refuses what breaks it.
NAMESPACE_MANIFEST = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
}


def exists() -> bool:
    return CLUSTER in run("kind", "get", "clusters").split()


def create() -> None:
    """Make the cluster where there is none; start the one that there is."""
    if exists():
        run("docker", "start", NODE)
    else:
        image = ["--image", KIND_NODE_IMAGE] if KIND_NODE_IMAGE else []
        run("kind", "create", "cluster", "--name", CLUSTER, "--config", str(CONFIG), *image)
    kubectl("wait", "node", "--all", "--for=condition=Ready", "--timeout=180s")


def delete() -> None:
    run("kind", "delete", "cluster", "--name", CLUSTER)


def build(name: str = IMAGE, folder: str = ".", *arguments: str) -> str:
    """Build an image and return its name with a tag of its content, so that another content is another image."""
    run("docker", "build", "--quiet", "--tag", f"{name}:latest", *arguments, folder, seconds=1800)
    digest = run("docker", "image", "inspect", "--format", "{{.Id}}", f"{name}:latest").strip()
    image = f"{name}:{digest.removeprefix('sha256:')[:12]}"
    run("docker", "tag", digest, image)
    return image


def load(*images: str) -> None:
    """Put images into the cluster; those that are there cost nothing."""
    run("kind", "load", "docker-image", "--name", CLUSTER, *images)


def install_keda(manifest: str) -> None:
    """KEDA, which scales worker sets by their jobs."""
    apply(read(manifest))
    kubectl("--namespace", "keda", "wait", "deployment", "--all", "--for=condition=Available", "--timeout=300s")
    wait_for_api("v1beta1.external.metrics.k8s.io")


def install_metrics_server(manifest: str) -> None:
    """metrics-server, which measures CPU and memory. The certificate of kind's kubelet is signed by nobody it knows."""
    objects = [one for one in yaml.safe_load_all(read(manifest)) if one]
    for one in objects:
        if one["kind"] == "Deployment":
            one["spec"]["template"]["spec"]["containers"][0]["args"].append("--kubelet-insecure-tls")
    apply(yaml.safe_dump_all(objects))
    wait_for_api("v1beta1.metrics.k8s.io")


def make_namespace() -> None:
    apply(yaml.safe_dump(NAMESPACE_MANIFEST))


def apply(manifest: str) -> None:
    """Make the objects of a manifest, or bring them to it. On the server's side: KEDA's are too large otherwise."""
    kubectl("apply", "--server-side", "--force-conflicts", "--filename", "-", given=manifest)


def wait_for_api(name: str) -> None:
    kubectl("wait", f"apiservice/{name}", "--for=condition=Available", "--timeout=300s")


def read(place: str) -> str:
    """The text of a file or of what a URL leads to."""
    try:
        if "://" not in place:
            return Path(place).read_text()
        with urllib.request.urlopen(place, timeout=60) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError) as error:
        raise StackError(
            f"{place} cannot be read ({getattr(error, 'reason', None) or error}); "
            "KEDA_MANIFEST, METRICS_SERVER_MANIFEST and PROMETHEUS_OPERATOR_MANIFEST can name a file or another URL"
        ) from None
