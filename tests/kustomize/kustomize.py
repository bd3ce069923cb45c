"""Building what stands in deploy/kustomize, and finding one's way in what comes out."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.kustomize import local
from deploy.kustomize.render import HERE, RELEASE
from tests.chart.charts import LOADER, Object, Objects, tool

OVERLAYS = ("local", "staging", "production")
# What an overlay needs at least, and then the base can be built.
SETTINGS = {
    "ALLOWED_HOSTS": "jobs.example.com",
    "DATABASE_URL": "postgresql://app@postgresql.example.com:5432/app",
    "REDIS_URL": "rediss://redis.example.com:6379/0",
}


class Built(Objects):
    """What kustomize made. Names begin with the release's."""

    def one(self, kind: str, name: str) -> Object:
        found = [one for one in self.all(kind) if one["metadata"]["name"] == f"{RELEASE}-{name}"]
        assert len(found) == 1, f"{len(found)} objects are {kind} {RELEASE}-{name}"
        return found[0]

    def has(self, kind: str, name: str) -> bool:
        return any(one["metadata"]["name"] == f"{RELEASE}-{name}" for one in self.all(kind))

    @property
    def settings(self) -> dict[str, str]:
        """What the ConfigMap of the settings says."""
        (found,) = [one for one in self.all("ConfigMap") if one["metadata"]["name"].startswith(f"{RELEASE}-settings-")]
        return dict(found["data"])

    @property
    def job(self) -> Object:
        """The Job that migrates."""
        (found,) = self.all("Job")
        return found

    def asked_of(self, secret: str) -> set[str]:
        """The keys of a Secret that pods mount and KEDA reads."""
        mounted = {
            item["key"]
            for pod in self.pods()
            for volume in pod.spec["volumes"]
            if volume.get("secret", {}).get("secretName") == secret
            for item in volume["secret"].get("items", [])
        }
        read = {
            target["key"]
            for one in self.all("TriggerAuthentication")
            for target in one["spec"]["secretTargetRef"]
            if target["name"] == secret
        }
        return mounted | read

    def connections(self) -> int:
        """Database connections at most, counted as the chart does: twice, for rollouts, and 8 for the rest."""
        most = {
            one["spec"]["scaleTargetRef"]["name"]: one["spec"]["maxReplicaCount"] for one in self.all("ScaledObject")
        }
        most |= {
            one["spec"]["scaleTargetRef"]["name"]: one["spec"]["maxReplicas"]
            for one in self.all("HorizontalPodAutoscaler")
        }
        total = 8
        for pod in self.pods():
            if pod.component == "worker":
                total += 2 * most[pod.owner["metadata"]["name"]] * (int(pod.env["WORKER_CONCURRENCY"]) + 1)
            elif pod.component == "web":
                total += (
                    2
                    * most[pod.owner["metadata"]["name"]]
                    * int(pod.env["WEB_PROCESSES"])
                    * int(pod.env["WEB_THREADS"])
                )
        return total


@dataclass(frozen=True)
class AsChart:
    """Stands where a chart's test wants its chart: whatever the scenario, the objects are these."""

    objects: Built

    def render(self, *scenarios: str, values: Mapping[str, Any] | None = None) -> Built:
        return self.objects


def text(folder: Path) -> str:
    """What kustomize prints for a folder; AssertionError with its words when it refuses."""
    done = subprocess.run([tool("kustomize"), "build", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(folder: Path) -> Built:
    return Built(one for one in yaml.load_all(text(folder), Loader=LOADER) if one)


def copy(to: Path, image: str = "django-celery:made") -> Path:
    """deploy/kustomize as it is committed, with what `make kustomize-local` would add; where it is now."""
    shutil.copytree(HERE, to, ignore=shutil.ignore_patterns("made", "__pycache__"))
    local.write(to / "overlays" / "local", image)
    return to


def compose(at: Path, components: Iterable[str], settings: Mapping[str, str] = SETTINGS) -> Built:
    """Build the base with components, in a copy of deploy/kustomize."""
    literals = [f"{name}={value}" for name, value in settings.items()]
    kustomization = {
        "resources": ["../../base"],
        "components": [f"../../components/{name}" for name in components],
        "configMapGenerator": [{"name": f"{RELEASE}-settings", "behavior": "merge", "literals": literals}],
    }
    folder = at / "overlays" / "-".join(["with", *components])
    folder.mkdir(exist_ok=True)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return build(folder)
