"""Flower, with nothing to show: behind a login, read-only, and reached by nobody whom no value lets in."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from deploy.kind import cluster
from deploy.kind.names import CHART
from deploy.kind.programs import helm
from tests.cluster.conftest import HERE
from tests.cluster.kube import Kube, namespace

NAMESPACE = "flower"
# Prints an answer's status, and a refusal's words: method, URL, and perhaps who asks.
ASK = """
import sys, urllib.error, urllib.request
method, url, *login = sys.argv[1:]
request = urllib.request.Request(url, method=method, data=b"" if method == "POST" else None)
for value in login:
    request.add_header("Authorization", value)
try:
    print(urllib.request.urlopen(request, timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code, error.read(100).decode())
"""
LOCAL = "http://localhost:5555"
CLIENTS = "REDISCLI_AUTH=$(cat /run/redis/admin) redis-cli -s /run/redis/redis.sock --user admin CLIENT LIST"


@pytest.fixture(scope="module")
def flower(cluster_is_there: None) -> Iterator[Kube]:
    """A release of Flower and its Redis, without a worker. helm waits until both are ready."""
    image = cluster.build("django-celery-flower", ".", "--target", "flower")
    cluster.load(image)
    repository, _, tag = image.rpartition(":")
    with namespace(NAMESPACE):
        helm("upgrade", "--install", "flower", str(CHART), "--namespace", NAMESPACE, "--values",
             str(HERE / "flower.yaml"), "--set", f"flower.image.repository={repository}", "--set-string",
             f"flower.image.tag={tag},flower.image.suffix=", "--wait", "--timeout", "3m")  # fmt: skip
        yield Kube(NAMESPACE, "flower-django-celery")


@pytest.mark.covers(46)
def test_flower_is_ready_without_any_worker(flower: Kube) -> None:
    assert len(flower.ready("flower")) == 1
    assert flower.pods("worker") == []


def ask(flower: Kube, method: str, path: str, *login: str) -> str:
    """What Flower answers to its own pod."""
    [pod] = flower.ready("flower")
    return flower.exec(pod.metadata.name, "python", "-c", ASK, method, f"{LOCAL}{path}", *login)


def login(flower: Kube) -> str:
    secret = flower.core.read_namespaced_secret(f"{flower.full}-secrets", NAMESPACE).data
    password = base64.b64decode(secret["flower-password"]).decode()
    return f"Basic {base64.b64encode(f'flower:{password}'.encode()).decode()}"


@pytest.mark.covers(43)
def test_flower_answers_nobody_without_a_password(flower: Kube) -> None:
    assert ask(flower, "GET", "/api/workers").split()[0] == "401"
    assert ask(flower, "GET", "/api/workers", login(flower)) == "200"


@pytest.mark.covers(43)
def test_flower_only_shows(flower: Kube) -> None:
    known = login(flower)
    for path in ("/api/worker/shutdown/any@where", "/api/task/async-apply/jobs.run", "/api/task/revoke/any"):
        assert ask(flower, "POST", path, known) == "403 Read only mode is enabled", path


@pytest.mark.covers(43, 78)
def test_nobody_whom_no_value_lets_in_reaches_what_flower_shows_without_a_password(flower: Kube) -> None:
    """In its own pod /metrics and /healthcheck answer anybody; a pod beside it comes as far as none of them."""
    for path in ("/metrics", "/healthcheck"):
        assert ask(flower, "GET", path) == "200", path
    [pod] = flower.ready("flower")
    with flower.visitor(pod.spec.containers[0].image, {"app": "stranger"}) as stranger:
        for path in ("/metrics", "/healthcheck", "/"):
            url = f"http://{pod.status.pod_ip}:5555{path}"
            answer = flower.try_exec(stranger, "python", "-c", ASK, "GET", url)
            assert answer.code != 0, f"{path}: {answer}"
            assert "URLError" in answer.complaint or "timed out" in answer.complaint, answer


@pytest.mark.covers(43, 81)
def test_flower_is_logged_in_at_redis_as_itself(flower: Kube) -> None:
    clients = flower.exec(f"{flower.full}-redis-0", "sh", "-c", CLIENTS, container="redis").splitlines()
    users = {word.removeprefix("user=") for line in clients for word in line.split() if word.startswith("user=")}
    assert "flower" in users
    assert users <= {"flower", "admin", "default"}, "default is who has not logged in, as a probe does"
