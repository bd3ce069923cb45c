"""Flower, with nothing to show."""

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
ASK = """
import sys, urllib.error, urllib.request
request = urllib.request.Request("http://localhost:5555/api/workers")
if len(sys.argv) > 1:
    request.add_header("Authorization", sys.argv[1])
try:
    print(urllib.request.urlopen(request, timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


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


@pytest.mark.covers(43)
def test_flower_answers_nobody_without_a_password(flower: Kube) -> None:
    [pod] = flower.ready("flower")
    assert flower.exec(pod.metadata.name, "python", "-c", ASK) == "401"
    secret = flower.core.read_namespaced_secret(f"{flower.full}-secrets", NAMESPACE).data
    password = base64.b64decode(secret["flower-password"]).decode()
    login = base64.b64encode(f"flower:{password}".encode()).decode()
    assert flower.exec(pod.metadata.name, "python", "-c", ASK, f"Basic {login}") != "401"
