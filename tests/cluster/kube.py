"""The cluster as tests see and touch it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from deploy.kind.names import CONTEXT, NODE
from deploy.kind.programs import kubectl, run
from devstack.errors import StackError
from tests.cluster.polling import wait_for

SET_LABEL = "django-celery/worker-set"
# Seconds that a pod may take to start on a busy machine.
START = 120
# What the restricted pod security standard asks for.
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@dataclass(frozen=True)
class Answer:
    """What a command in a container printed, what it complained of, and its exit code."""

    code: int
    printed: str
    complaint: str


class Kube:
    """A release's objects in its namespace."""

    def __init__(self, namespace: str, full: str) -> None:
        api = config.new_client_from_config(context=CONTEXT)
        self.namespace = namespace
        # How the names of its objects begin.
        self.full = full
        self.core = client.CoreV1Api(api)
        self.apps = client.AppsV1Api(api)
        self.network = client.NetworkingV1Api(api)

    def pods(self, component: str = "", worker_set: str = "") -> list[Any]:
        """Pods that are there to stay, the oldest first: of a component, of a worker set, or all."""
        labels = {"app.kubernetes.io/component": component, SET_LABEL: worker_set}
        selector = ",".join(f"{name}={value}" for name, value in labels.items() if value)
        found = self.core.list_namespaced_pod(self.namespace, label_selector=selector).items
        ours = [pod for pod in found if (pod.metadata.labels or {}).get("app.kubernetes.io/name") == "django-celery"]
        staying = [pod for pod in ours if not pod.metadata.deletion_timestamp and pod.status.phase == "Running"]
        return sorted(staying, key=lambda pod: (pod.metadata.creation_timestamp, pod.metadata.name))

    def ready(self, component: str = "", worker_set: str = "") -> list[Any]:
        return [pod for pod in self.pods(component, worker_set) if is_ready(pod)]

    def restarts(self, component: str = "") -> dict[str, int]:
        """How often each container has been started anew, by pod and container."""
        return {
            f"{pod.metadata.name} {container.name}": container.restart_count
            for pod in self.pods(component)
            for container in pod.status.container_statuses or []
        }

    def deployment(self, name: str) -> Any:
        return self.apps.read_namespaced_deployment(f"{self.full}-{name}", self.namespace)

    def replicas(self, worker_set: str) -> int:
        """How many are wanted."""
        return int(self.deployment(f"worker-{worker_set}").spec.replicas)

    def scale(self, name: str, replicas: int, kind: str = "deployment") -> None:
        """Ask for so many, as an operator does by hand."""
        self.kubectl("scale", kind, f"{self.full}-{name}", f"--replicas={replicas}")

    def delete_pod(self, name: str, *, force: bool = False) -> None:
        self.core.delete_namespaced_pod(name, self.namespace, grace_period_seconds=0 if force else None)

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        return kubectl("--namespace", self.namespace, *arguments, given=given)

    def try_exec(self, pod: str, *command: str, container: str = "", given: str | None = None) -> Answer:
        """Run a command in a container, whatever comes of it."""
        where = ["--container", container] if container else []
        line = ["kubectl", "--context", CONTEXT, "--namespace", self.namespace, "exec", "--stdin", pod, *where, "--"]
        done = subprocess.run([*line, *command], input=given or "", capture_output=True, text=True, timeout=120)
        return Answer(done.returncode, done.stdout.strip(), done.stderr.strip())

    def exec(self, pod: str, *command: str, container: str = "", given: str | None = None) -> str:
        """Run a command in a container and return what it printed; AssertionError when it fails."""
        answer = self.try_exec(pod, *command, container=container, given=given)
        assert answer.code == 0, f"{command} in {pod} ended with {answer.code}: {answer.printed} {answer.complaint}"
        return answer.printed

    def manage(self, *command: str) -> str:
        """Run a command of Django's in the newest pod of web, which stays; AssertionError when it fails."""
        [*_, newest] = self.ready("web")
        return self.exec(newest.metadata.name, "python", "-m", "config", "manage", *command, container="web")

    def stop_process(self, pod: Any) -> None:
        """Freeze the main process of a pod's first container. From the node: inside, nothing can stop process 1."""
        uid = pod.metadata.uid.replace("-", "_")
        script = f"""
            for folder in /proc/[0-9]*; do
                grep -q {uid} $folder/cgroup 2>/dev/null || continue
                grep -q '^NSpid:.*\\s1$' $folder/status && ! grep -q '^Name:\\s*pause' $folder/status || continue
                kill -STOP ${{folder#/proc/}} && echo ${{folder#/proc/}}
            done
        """
        stopped = run("docker", "exec", NODE, "bash", "-c", script)
        assert len(stopped.split()) == 1, f"{stopped!r} are the main processes of {pod.metadata.name}"

    @contextmanager
    def visitor(self, image: str, labels: dict[str, str]) -> Iterator[str]:
        """The name of a pod that does nothing, with these labels and no other."""
        name = f"visitor-{abs(hash(tuple(labels))) % 10_000}"
        sleep = {"name": "visitor", "image": image, "command": ["sleep", "3600"], "securityContext": RESTRICTED}
        body = {"metadata": {"name": name, "labels": labels}, "spec": {"containers": [sleep]}}
        self.core.create_namespaced_pod(self.namespace, body)
        try:
            self.wait_for_pod(name, "Running")
            yield name
        finally:
            self.delete_pod(name, force=True)

    def wait_for_pod(self, name: str, phase: str, within: float = START) -> None:
        wait_for(
            lambda: self.core.read_namespaced_pod(name, self.namespace).status.phase == phase,
            within,
            what=f"{name} is {phase}",
        )


def is_ready(pod: Any) -> bool:
    return any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions or [])


@contextmanager
def namespace(name: str) -> Iterator[None]:
    """A namespace that enforces the restricted standard, with whatever is made in it, for a while."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    kubectl("apply", "--server-side", "--filename", "-", given=yaml.safe_dump(body))
    try:
        yield
    finally:
        kubectl("delete", "namespace", name, "--wait=false")
        # Nothing new can be made there, and nobody waits for what runs.
        kubectl("--namespace", name, "delete", "pods", "--all", "--grace-period=0", "--force")
        kubectl("wait", f"namespace/{name}", "--for=delete", "--timeout=300s")


def raw(path: str) -> Any:
    """What the API server answers to a path, read as JSON."""
    return json.loads(kubectl("get", "--raw", path))


def is_there() -> bool:
    """Whether the cluster answers."""
    try:
        kubectl("get", "--raw", "/readyz", seconds=20)
    except StackError:
        return False
    return True


__all__ = ["ApiException", "Kube", "is_ready", "is_there", "namespace", "raw"]
