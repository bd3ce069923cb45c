"""The Job that migrates has another name whenever it is another Job, so that `kubectl apply` can always make it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from deploy.kustomize import local
from deploy.kustomize.render import HERE, MIGRATIONS, Component, _kustomization, components
from tests.chart.charts import tool
from tests.kustomize.kustomize import OVERLAYS, build, copy

STAGING = Path("overlays", "staging")


def edited(file: str, before: str, after: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / file
        text = path.read_text()
        assert text.count(before) >= 1, f"{file} has no {before!r}"
        path.write_text(text.replace(before, after))

    return change


def another_image(folder: Path) -> None:
    """As people, Argo CD and Flux set it."""
    command = [tool("kustomize"), "edit", "set", "image", "django-celery=registry.example.com/django-celery:0.2.0"]
    subprocess.run(command, cwd=folder / STAGING, check=True)


OVERLAY = str(STAGING / "kustomization.yaml")
PATCH = """patches:
  - target: {kind: Job}
    patch: |
      - {op: replace, path: /spec/template/spec/containers/0/resources/limits/memory, value: 1Gi}
"""
# Each of them makes another pod of the Job.
CHANGES = {
    "another image": another_image,
    "another setting": edited(OVERLAY, "- TRUSTED_ORIGINS=", "- LOG_LEVEL=DEBUG\n      - TRUSTED_ORIGINS="),
    "a patch of the Job": edited(OVERLAY, "patches:\n", PATCH),
    "a label for all pods": edited(
        OVERLAY, "patches:\n", "labels: [{pairs: {team: jobs}, includeTemplates: true}]\npatches:\n"
    ),
    "another chart": edited("base/migrations.yaml", "memory: 128Mi", "memory: 256Mi"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_another_job_has_another_name(folder: Path, tmp_path: Path, change: Callable[[Path], None]) -> None:
    before = build(folder / STAGING).job
    there = copy(tmp_path / "kustomize")
    assert build(there / STAGING).job == before
    change(there)
    after = build(there / STAGING).job
    assert after["spec"] != before["spec"]
    assert after["metadata"]["name"] != before["metadata"]["name"]


def test_another_image_for_the_local_overlay_is_another_job(folder: Path, tmp_path: Path) -> None:
    there = copy(tmp_path / "kustomize")
    overlay = there / "overlays" / "local"
    secrets = {path.name: path.read_text() for path in (overlay / "made").iterdir() if path.suffix != ".yaml"}
    before = build(overlay).job
    local.write(overlay, "django-celery:other")
    after = build(overlay).job
    assert after["spec"]["template"]["spec"]["containers"][0]["image"] == "django-celery:other"
    assert after["metadata"]["name"] != before["metadata"]["name"]
    # What the data are bound to stays.
    assert {name: (overlay / "made" / name).read_text() for name in secrets} == secrets
    assert len(secrets) == len(local.PASSWORDS) + len(local.CERTIFICATES)


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_job_is_named_by_a_hash_and_what_makes_it_is_not_applied(folder: Path, name: str) -> None:
    objects = build(folder / "overlays" / name)
    assert re.fullmatch(rf"{MIGRATIONS}-[0-9a-z]{{10}}", objects.job["metadata"]["name"])
    assert not [one for one in objects.all("ConfigMap") if one["metadata"]["name"].startswith(MIGRATIONS)]


def test_a_component_that_changes_the_job_is_part_of_its_name() -> None:
    change = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": MIGRATIONS}}
    made = _kustomization(Component("other", [], [change]))
    assert made["configMapGenerator"] == [{"name": MIGRATIONS, "behavior": "merge", "files": ["other=patches.yaml"]}]
    for name in components():
        kustomization = yaml.safe_load((HERE / "components" / name / "kustomization.yaml").read_text())
        patches = HERE / "components" / name / "patches.yaml"
        patched = {one["kind"] for one in yaml.safe_load_all(patches.read_text())} if patches.exists() else set()
        assert ("Job" in patched) == ("configMapGenerator" in kustomization), name
