"""The overlays by kubectl alone: `local` comes up, scales, is upgraded under load and removed; others are admitted.

cert-manager is not on the cluster: its objects are left out here, and compared with their contract in tests/kustomize.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from config.queues import Queue
from deploy.kind.programs import kubectl
from deploy.kustomize import local
from deploy.kustomize.render import MIGRATIONS, RELEASE
from devstack.errors import StackError
from tests.cluster import test_manifests
from tests.cluster.conftest import Images
from tests.cluster.kube import Kube, namespace
from tests.cluster.polling import wait_for
from tests.cluster.stack import Stack, Trace, done_exactly_once
from tests.kustomize.kustomize import build, copy

# Seconds for every pod of a new or changed stack to be ready on a busy machine.
READY = 240
SHORT, LONG = 30, 2
# The tests' image has settings of its own; as somebody else's overlay over ours would say so.
OVER_LOCAL = {
    "resources": ["../local"],
    "configMapGenerator": [
        {
            "name": f"{RELEASE}-settings",
            "namespace": local.NAMESPACE,
            "behavior": "merge",
            "literals": ["DJANGO_SETTINGS_MODULE=probe.settings"],
        },
        {
            "name": MIGRATIONS,
            "namespace": local.NAMESPACE,
            "behavior": "merge",
            "files": ["over-local=kustomization.yaml"],
        },
    ],
}


class Overlay:
    """A copy of overlays/local on the cluster."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.folder = folder / "overlays" / "over-local"
        self.stack = Stack(Kube(local.NAMESPACE, RELEASE))
        self.kube = self.stack.kube

    def prepare(self, image: str) -> None:
        """As `make kustomize-local` does, for an image that the cluster has."""
        local.write(self.root / "overlays" / "local", image)
        self.folder.mkdir(exist_ok=True)
        (self.folder / "kustomization.yaml").write_text(yaml.safe_dump(OVER_LOCAL))

    def apply(self) -> None:
        kubectl("apply", "--server-side", "--kustomize", str(self.folder))

    def wait(self) -> None:
        """Until every Deployment has all pods of its newest version and no other."""
        for one in ("redis", "postgresql"):
            self._rolled_out(f"statefulset/{RELEASE}-{one}")
        for one in ("web", "relay", "beat", "worker-critical", "worker-default", "worker-io", "worker-heavy"):
            self._rolled_out(f"deployment/{RELEASE}-{one}")

    def _rolled_out(self, what: str) -> None:
        try:
            self.kube.kubectl("rollout", "status", what, f"--timeout={READY}s")
        except StackError as error:
            raise AssertionError(f"{error}\n{self.kube.kubectl('get', 'pods,jobs,events')}") from None

    def jobs(self) -> dict[str, bool]:
        """The Jobs that migrate, and whether each has succeeded."""
        found = yaml.safe_load(self.kube.kubectl("get", "jobs", "--output", "yaml"))["items"]
        return {one["metadata"]["name"]: bool(one["status"].get("succeeded")) for one in found}

    def lasting(self) -> dict[str, str]:
        """Pods that nothing but a change replaces, by their names, and since when they are there."""
        return {
            pod.metadata.name: str(pod.metadata.creation_timestamp)
            for component in ("web", "beat", "relay", "redis", "postgresql")
            for pod in self.kube.pods(component)
        }


@pytest.fixture(scope="module")
def applied(images: Images, tmp_path_factory: pytest.TempPathFactory, figures: dict[str, str]) -> Iterator[Overlay]:
    """The overlay with the first image; every pod is ready."""
    overlay = Overlay(copy(tmp_path_factory.mktemp("kustomize") / "copy", images.one))
    overlay.prepare(images.one)
    began = time.monotonic()
    try:
        overlay.apply()
        overlay.wait()
        figures["seconds until the overlay's stack was ready"] = f"{time.monotonic() - began:.0f}"
        yield overlay
    finally:
        # What a failed test left; after the last test there is nothing any more.
        kubectl("delete", "namespace", local.NAMESPACE, "--ignore-not-found", "--wait=false")
        kubectl("--namespace", local.NAMESPACE, "delete", "pods", "--all", "--grace-period=0", "--force")
        kubectl("wait", f"namespace/{local.NAMESPACE}", "--for=delete", "--timeout=300s")


@pytest.fixture(scope="module")
def canaries(applied: Overlay) -> list[str]:
    """What the smoke test says, begun with nobody on `io`."""
    wait_for(lambda: applied.kube.replicas("io") == 0, 120, what="the set without work is at 0")
    return applied.kube.manage("smoke", "--timeout", "90").splitlines()


@dataclass(frozen=True)
class Change:
    """What the change of the image met."""

    short: list[Trace]
    long: list[Trace]
    generation: str
    jobs_before: dict[str, bool]
    jobs_after: dict[str, bool]


@pytest.fixture(scope="module")
def changed(applied: Overlay, canaries: list[str], images: Images, figures: dict[str, str]) -> Change:
    """Another image, applied while SHORT short and LONG long jobs are there."""
    before = applied.jobs()
    long = applied.stack.enqueue("default", LONG, seconds=20)
    short = applied.stack.enqueue("default", SHORT, seconds=1)
    applied.stack.wait_begun(long, 1)
    began = time.monotonic()
    applied.prepare(images.two)
    applied.apply()
    applied.wait()
    figures["seconds until the overlay's stack ran another image"] = f"{time.monotonic() - began:.0f}"
    applied.stack.wait_ended(short, SHORT, within=120)
    applied.stack.wait_ended(long, LONG, within=120)
    last = applied.stack.enqueue("default")
    applied.stack.wait_ended(last, 1, within=60)
    [newest, _] = applied.stack.traces(last)
    return Change(applied.stack.traces(short), applied.stack.traces(long), newest.generation, before, applied.jobs())


@pytest.mark.covers(71)
def test_a_canary_comes_through_every_queue_without_helm(canaries: list[str]) -> None:
    assert [line.split()[0] for line in canaries] == ["ok"] * len(Queue), canaries


@pytest.mark.covers(71, 76)
def test_another_image_under_load_loses_nothing(changed: Change) -> None:
    done_exactly_once(changed.short, SHORT)
    done_exactly_once(changed.long, LONG)
    assert changed.generation == "two"


def test_another_image_migrates_by_another_job(changed: Change) -> None:
    assert len(changed.jobs_before) == 1
    assert len(changed.jobs_after) == 2, changed.jobs_after
    assert changed.jobs_before.keys() < changed.jobs_after.keys()
    assert all(changed.jobs_after.values()), changed.jobs_after


@pytest.mark.covers(72)
def test_a_set_that_was_woken_goes_back_to_nothing(applied: Overlay, changed: Change, canaries: list[str]) -> None:
    assert "io:" in {line.split()[1] for line in canaries}
    wait_for(
        lambda: applied.kube.replicas("io") == 0 and not applied.kube.pods("worker", "io"),
        180,
        what="back to 0",
        seen=lambda _: applied.kube.kubectl("get", "pods,scaledobjects,hpa"),
    )


def test_a_second_apply_changes_nothing(applied: Overlay, changed: Change) -> None:
    wait_for(lambda: len(applied.lasting()) == 5, 60, what="the pods of the old image are gone",
             seen=lambda _: applied.lasting())  # fmt: skip
    before = applied.lasting()
    # It ends with 1, and kubectl() fails, where something would change.
    assert kubectl("diff", "--server-side", "--kustomize", str(applied.folder)) == ""
    applied.apply()
    applied.wait()
    assert applied.lasting() == before


def test_deleting_the_overlay_leaves_nothing(applied: Overlay, changed: Change, figures: dict[str, str]) -> None:
    began = time.monotonic()
    kubectl("delete", "--kustomize", str(applied.folder), "--ignore-not-found", "--timeout=240s")
    assert kubectl("get", "namespace", local.NAMESPACE, "--ignore-not-found") == ""
    figures["seconds until the overlay's stack was gone"] = f"{time.monotonic() - began:.0f}"


@pytest.mark.covers(71, 83)
@pytest.mark.parametrize("name", ["staging", "production"])
def test_a_restricted_namespace_admits_the_overlay(cluster_is_there: None, tmp_path: Path, name: str) -> None:
    objects = build(copy(tmp_path / "copy") / "overlays" / name)
    where = f"{RELEASE}-{name}"
    known = [one for one in objects if one["apiVersion"].split("/")[0] not in test_manifests.NOT_HERE]
    assert [one["kind"] for one in objects if one not in known] == ["Certificate"]
    with namespace(where):
        accounts = yaml.safe_dump_all(objects.all("ServiceAccount"))
        kubectl("apply", "--server-side", "--filename", "-", given=accounts)
        test_manifests.dry_run(yaml.safe_dump_all(known))
        # Deployments are admitted whatever their pods are.
        pods = test_manifests.pods_of(objects)
        for pod in pods:
            pod["metadata"]["namespace"] = where
        test_manifests.dry_run(yaml.safe_dump_all(pods))
