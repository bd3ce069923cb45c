"""The last part of `docs/tutorial.md`: the reader's own app in the image, and its job done by a worker from nothing.

Its `make` commands are what runs this suite: `kind-up` has made the cluster, and `kind-down` would end it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.kind import cluster, programs, release, token
from deploy.kind.names import URL
from tests.cluster.kube import Kube
from tests.cluster.polling import wait_for
from tests.cluster.stack import Stack
from tests.tutorial import APP, ON_A_CLUSTER, PAGE, Block, Reader, blocks, checkout

# Seconds until a worker from nothing has done a job, on a busy machine.
PATIENCE = 180.0
PAGES_BLOCKS = blocks(PAGE.read_text())
OF_MAKE = ["make tools\nmake kind-up\n", "make kind-load\nmake kind-down\n"]


def writes_the_app(block: Block) -> bool:
    return block.section == APP and (bool(block.title) or block.text.startswith(("mkdir", "make migrations")))


@pytest.fixture
def reader(stack: Stack, kube: Kube, tmp_path: Path) -> Iterator[Reader]:
    """Somebody who has written the app and installed it."""
    reader = Reader(checkout(tmp_path / "checkout"), {**os.environ, "PATH": programs.PATH}, PATIENCE)
    for block in filter(writes_the_app, PAGES_BLOCKS):
        reader.do(block)
    image = cluster.build("tutorial", str(reader.folder))
    cluster.load(image)
    release.install(image)
    wait_for(lambda: images_of_web(kube) == {image}, 120, what="no pod of web has another image")
    reader.known |= {"URL": URL, "TOKEN": token.current()}
    yield reader
    # Tables that the next image knows nothing of.
    kube.manage("migrate", "billing", "zero")


def images_of_web(kube: Kube) -> set[str]:
    """Those of pods that are about to end included: `kubectl exec` may choose one."""
    found = kube.core.list_namespaced_pod(kube.namespace, label_selector="app.kubernetes.io/component=web").items
    return {pod.spec.containers[0].image for pod in found}


def test_the_tutorials_job_type_runs_on_the_cluster_as_the_page_says(reader: Reader, stack: Stack) -> None:
    here = [block for block in PAGES_BLOCKS if block.section == ON_A_CLUSTER]
    assert [block.text for block in here if block.text.startswith("make ")] == OF_MAKE
    stack.settle("heavy")
    for block in here:
        if block.text not in OF_MAKE:
            reader.do(block)
    stack.settle("heavy")
