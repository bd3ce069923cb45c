"""Rendering the chart, and finding one's way in what comes out.

Every rendering is kept: a chart, its scenarios and values always give the same objects (but for what is random).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "helm" / "django-celery"
# Scenarios by name: the chart's own, and what `make kind-up` installs.
SCENARIOS = {path.stem: path for path in sorted((FOLDER / "ci").glob("*.yaml"))} | {
    "kind": ROOT / "deploy" / "kind" / "values.yaml",
    "kind-monitoring": ROOT / "deploy" / "kind" / "monitoring.yaml",
}
RELEASE, NAMESPACE = "demo", "jobs"
FULL = f"{RELEASE}-django-celery"
# Of chart and image.
VERSION = str(yaml.safe_load((FOLDER / "Chart.yaml").read_text())["appVersion"])
# Components whose pods run the application's image.
APPLICATION = ("web", "worker", "beat", "relay", "flower", "migrate", "smoke-test")

Object = dict[str, Any]

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class HelmError(Exception):
    """Helm refused; its words."""


def tool(name: str) -> str:
    """The path of a program that `make tools` installs where it is missing."""
    here = shutil.which(name, path=f"{ROOT / '.local' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    if here is None:
        pytest.fail(f"{name} is not installed; run `make tools`", pytrace=False)
    return here


@dataclass(frozen=True)
class Pod:
    """A pod, or the template of one."""

    owner: Object
    metadata: Object
    spec: Object

    @property
    def name(self) -> str:
        return f"{self.owner['kind']} {self.owner['metadata']['name']}"

    @property
    def component(self) -> str:
        return str(self.metadata["labels"]["app.kubernetes.io/component"])

    @property
    def main(self) -> Object:
        """The container that the pod is for."""
        return dict(self.spec["containers"][0])

    @property
    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def env(self) -> dict[str, str]:
        """The main container's variables, without those that come from elsewhere."""
        return {one["name"]: one["value"] for one in self.main.get("env", []) if "value" in one}

    def items(self, volume: str) -> dict[str, str]:
        """What a volume shows of its Secret: key and file name."""
        source: Object = next((one for one in self.spec["volumes"] if one["name"] == volume), {})
        return {item["key"]: item["path"] for item in source.get("secret", {}).get("items", [])}


class Objects(list[Object]):
    """What a rendering made."""

    def all(self, kind: str) -> list[Object]:
        return [one for one in self if one["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        """The object of this kind whose name ends so. AssertionError when there is none, or more than one."""
        found = [one for one in self.all(kind) if one["metadata"]["name"] == f"{FULL}-{name}"]
        assert len(found) == 1, f"{len(found)} objects are {kind} {FULL}-{name}"
        return found[0]

    def has(self, kind: str, name: str) -> bool:
        return any(one["metadata"]["name"] == f"{FULL}-{name}" for one in self.all(kind))

    def pods(self) -> Iterator[Pod]:
        """Every pod that the release may have."""
        for one in self:
            if one["kind"] == "Pod":
                yield Pod(one, one["metadata"], one["spec"])
            elif "template" in one.get("spec", {}):
                yield Pod(one, one["spec"]["template"]["metadata"], one["spec"]["template"]["spec"])

    def pod(self, component: str, worker_set: str | None = None) -> Pod:
        """The pod of a component, and of a worker set."""
        found = [
            pod
            for pod in self.pods()
            if pod.component == component
            and pod.metadata["labels"].get("django-celery/worker-set", worker_set) == worker_set
        ]
        assert len(found) == 1, f"{len(found)} pods are of {component} {worker_set or ''}"
        return found[0]

    def application_pods(self) -> list[Pod]:
        return [pod for pod in self.pods() if pod.component in APPLICATION]


@dataclass(frozen=True)
class Chart:
    """A chart in a folder, rendered by a helm."""

    folder: Path = FOLDER
    helm: str = "helm"
    # A helm that was built from source takes Kubernetes for an old one.
    arguments: tuple[str, ...] = ("--kube-version", "1.35.0")

    def render(self, *scenarios: str, values: Mapping[str, Any] | None = None) -> Objects:
        """What the scenarios and values make, laid over the chart's own in this order. HelmError when it is refused."""
        return _parsed(self, scenarios, json.dumps(values or {}))

    def text(self, *scenarios: str, values: Mapping[str, Any] | None = None) -> str:
        """What helm prints for them. HelmError when it refuses."""
        return _printed(self, scenarios, json.dumps(values or {}))

    def refusal(self, *scenarios: str, values: Mapping[str, Any] | None = None) -> str:
        """Why the values are refused. AssertionError when they are not."""
        try:
            self.text(*scenarios, values=values)
        except HelmError as error:
            return str(error)
        raise AssertionError(f"the chart takes {values}")


@cache
def _printed(chart: Chart, scenarios: tuple[str, ...], values: str) -> str:
    command = [tool(chart.helm), "template", RELEASE, str(chart.folder), "--namespace", NAMESPACE, *chart.arguments]
    for scenario in scenarios:
        command += ["--values", str(SCENARIOS[scenario])]
    done = subprocess.run([*command, "--values", "-"], input=values, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise HelmError(done.stderr.strip())
    return done.stdout


@cache
def _parsed(chart: Chart, scenarios: tuple[str, ...], values: str) -> Objects:
    text = _printed(chart, scenarios, values)
    return Objects(one for one in yaml.load_all(text, Loader=LOADER) if one)
