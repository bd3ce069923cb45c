"""What `make kind-up` installed: every part is there, and work gets done on every queue."""

from __future__ import annotations

import json
import re
import signal
import time

import pytest

from config.queues import Queue
from deploy.kind import release
from deploy.kind.programs import run
from tests.cluster.conftest import Images
from tests.cluster.kube import Kube, is_ready
from tests.cluster.polling import wait_for
from tests.cluster.stack import MINIMUM, Stack

# What the image may add to its base, in bytes.
IMAGE_MAX = 250_000_000
BASE = "python:3.13-slim-trixie"


@pytest.mark.covers(71)
def test_every_pod_is_ready_and_none_was_restarted(stack: Stack, kube: Kube) -> None:
    stack.settle()
    pods = kube.pods()
    components = {pod.metadata.labels["app.kubernetes.io/component"] for pod in pods}
    assert components == {"web", "worker", "beat", "relay", "redis", "postgresql"}
    assert [pod.metadata.name for pod in pods if not is_ready(pod)] == []
    assert set(kube.restarts().values()) == {0}


@pytest.mark.covers(2, 59, 62)
@pytest.mark.parametrize("queue", list(Queue))
def test_a_queue_has_a_deployment_of_its_own(kube: Kube, queue: Queue) -> None:
    [container] = kube.deployment(f"worker-{queue}").spec.template.spec.containers
    served = [variable.value for variable in container.env if variable.name == "WORKER_QUEUE"]
    assert served == [queue]


@pytest.mark.covers(62, 71)
def test_a_canary_comes_through_every_queue_within_60_seconds(stack: Stack, figures: dict[str, str]) -> None:
    began = time.monotonic()
    findings = release.test()
    seconds = time.monotonic() - began
    figures["seconds until a canary was through every queue, two of them from 0 replicas"] = f"{seconds:.0f}"
    for queue in Queue:
        [finding] = [line for line in findings if re.search(rf"\b{queue}\b", line.split("started")[0])]
        waited, ran = map(float, re.findall(r"([\d.]+) s", finding)[:2])
        assert waited + ran <= 60, finding


@pytest.mark.covers(118)
def test_the_doctor_finds_nothing_wrong_in_a_pod(kube: Kube) -> None:
    found = kube.manage("doctor")
    assert {line.split()[0] for line in found.splitlines()} <= {"ok", "note"}, found
    assert len(found.splitlines()) >= 10


@pytest.mark.covers(61)
def test_a_workers_name_says_its_queue_and_its_pod(kube: Kube) -> None:
    [pod] = kube.ready("worker", "default")
    name = f"default@{pod.metadata.name}"
    command = ["celery", "--app=config", "inspect", "ping", f"--destination={name}", "--timeout=30", "--json"]
    assert name in json.loads(kube.exec(pod.metadata.name, *command, container="worker").splitlines()[0])


@pytest.mark.covers(50, 83)
def test_no_process_may_write_to_its_image_or_is_root(stack: Stack, kube: Kube) -> None:
    # What the canaries woke is about to go.
    stack.settle()
    for pod in kube.pods("web") + kube.pods("worker") + kube.pods("beat") + kube.pods("relay"):
        name = pod.metadata.name
        assert kube.exec(name, "id", "-u") == "10001"
        assert "Read-only file system" in kube.try_exec(name, "touch", "/app/written").complaint
        assert kube.try_exec(name, "ls", "/var/run/secrets/kubernetes.io").code != 0


@pytest.mark.covers(62)
def test_sets_at_rest_are_as_small_as_values_say(stack: Stack) -> None:
    stack.settle()
    assert {queue: stack.kube.replicas(queue) for queue in MINIMUM} == MINIMUM


def test_the_image_adds_less_than_250_mb_to_its_base(images: Images, figures: dict[str, str]) -> None:
    size, base = (
        int(run("docker", "image", "inspect", "--format", "{{.Size}}", name)) for name in (images.application, BASE)
    )
    figures["MB of the image beyond its base"] = f"{(size - base) / 1e6:.0f}"
    assert 0 < size - base < IMAGE_MAX


@pytest.mark.covers(66)
@pytest.mark.parametrize("role", ["web", "worker", "relay", "beat", "migrate"])
def test_a_role_without_settings_says_in_one_line_what_it_needs(images: Images, role: str) -> None:
    script = f"docker run --rm --read-only --tmpfs /tmp {images.application} {role} 2>&1 || true"
    said = run("sh", "-c", script).strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith("DJANGO_SETTINGS_MODULE is not set; it must be config.settings.production")


@pytest.mark.covers(76)
def test_a_container_that_is_told_to_stop_before_it_works_ends_at_once(images: Images) -> None:
    """As its first process, which gets no signal that it does not handle. It waits for a database that is not there."""
    variables = {
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "SECRET_KEY": "only-for-this-step-only-for-this-step",
        "ALLOWED_HOSTS": "localhost",
        "DATABASE_URL": "postgresql://localhost/none",
        "REDIS_URL": "rediss://localhost:6379/0",
        "REDIS_CA_PATH": "/etc/hostname",
    }
    given = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    waiting = ("manage", "wait_for_migrations")
    container = run("docker", "run", "--detach", *given, images.application, *waiting).strip()
    try:
        wait_for(lambda: heeds(container, signal.SIGTERM), 20, what="its first process handles TERM")
        run("docker", "stop", "--time", "20", container)
        code = run("docker", "inspect", "--format", "{{.State.ExitCode}}", container).strip()
        assert int(code) == 128 + signal.SIGTERM, run("docker", "logs", container)
    finally:
        run("docker", "rm", "--force", container)


def heeds(container: str, number: signal.Signals) -> bool:
    status = run("docker", "exec", container, "cat", "/proc/1/status")
    [mask] = re.findall(r"^SigCgt:\s*(\w+)$", status, re.MULTILINE)
    return bool(int(mask, 16) >> (number - 1) & 1)
