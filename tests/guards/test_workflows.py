"""The workflows: they call what runs here too, may do no more than they must, and two linters find nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.charts import tool
from tests.chart.test_kubernetes import VERSIONS
from tests.guards.source import ROOT, told

FOLDER = ROOT / ".github"
PATHS = sorted((FOLDER / "workflows").glob("*.yaml"))
WORKFLOWS: dict[str, dict[str, Any]] = {path.stem: yaml.safe_load(path.read_text()) for path in PATHS}
TARGETS = set(re.findall(r"^([a-z-]+):.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
ZIZMOR = (str(Path(sys.executable).with_name("zizmor")), "--offline", "--pedantic", "--no-progress", "--quiet")


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every job, with a name for messages."""
    for workflow, content in WORKFLOWS.items():
        for name, job in content["jobs"].items():
            yield f"{workflow}: {name}", job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step, with its job's name."""
    for name, job in jobs():
        for step in job.get("steps", ()):
            yield name, step


def linted(folder: Path) -> str:
    """What actionlint and zizmor find in a folder like `.github`; nothing when they agree with it."""
    paths = [str(path) for path in sorted((folder / "workflows").glob("*.yaml"))]
    # Which of the two programs that it may call is installed must not matter: no step is a script.
    commands = [[tool("actionlint"), "-shellcheck=", "-pyflakes=", *paths], [*ZIZMOR, str(folder)]]
    done = [subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False) for command in commands]
    return "".join(one.stdout + one.stderr for one in done if one.returncode != 0)


def test_there_are_workflows_for_each_purpose() -> None:
    assert set(WORKFLOWS) == {"ci", "kind", "release", "security"}
    assert len(list(steps())) >= 25


def test_what_a_step_runs_is_a_target_of_make() -> None:
    """So whoever has the checkout can run it, and nothing is tried for the first time by a push."""
    lines = [(name, step["run"].strip()) for name, step in steps() if "run" in step]
    assert len(lines) >= 12
    other = {f"{name} runs {line!r}" for name, line in lines if not re.fullmatch(r"make [a-z-]+( [A-Z]+=\w+)*", line)}
    assert not other, told(other, "make it a target of the Makefile")
    unknown = {f"{name} runs {line!r}" for name, line in lines if line.split()[1] not in TARGETS}
    assert not unknown, told(unknown, "the Makefile has no such target")


def test_an_action_is_named_by_the_digest_of_its_commit() -> None:
    """Only GitHub can say whether the digest is the version's; Dependabot keeps both."""
    named = re.findall(r"uses: (.+)", "".join(path.read_text() for path in PATHS))
    other = {one for one in named if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)}
    assert other == {"./.github/workflows/ci.yaml # zizmor: ignore[self-repository]"}
    assert len(set(named)) <= 8, "each action is somebody else who runs code here; can the Makefile do it?"


def test_a_job_may_do_what_it_says_and_no_more() -> None:
    for name, content in WORKFLOWS.items():
        assert content["permissions"] == {}, f"{name} must give nothing to every job: permissions: {{}}"
        assert "group" in content["concurrency"], name
    writing = {}
    for name, job in jobs():
        assert "permissions" in job, f"{name} must say what it may do"
        assert "uses" in job or "timeout-minutes" in job, f"{name} could run for six hours; set timeout-minutes"
        rights = {right for right, kind in job["permissions"].items() if kind != "read"}
        writing |= {name: rights} if rights else {}
    assert writing == {
        "release: images": {"packages", "id-token"},
        "release: chart": {"packages", "id-token"},
        "release: notes": {"contents"},
    }


def test_no_checkout_leaves_its_token_behind() -> None:
    for name, step in steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, name


def test_jobs_that_run_an_earlier_version_have_the_whole_history() -> None:
    for name, job in jobs():
        lines = {step.get("run") for step in job.get("steps", ())}
        if lines & {"make test", "make kind-test", "make changelog"}:
            assert job["steps"][0]["with"]["fetch-depth"] == 0, name


def test_tests_run_on_the_oldest_python_and_on_the_images() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [image] = set(re.findall(r"^FROM python:([\d.]+)-", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    tried = WORKFLOWS["ci"]["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert tried == [project["requires-python"].removeprefix(">="), image]


def test_clusters_are_of_the_versions_that_the_chart_is_validated_against() -> None:
    nodes = WORKFLOWS["kind"]["jobs"]["cluster"]["strategy"]["matrix"]["node"]
    minors = [re.fullmatch(r"kindest/node:v(\d+\.\d+)\.\d+", node) for node in nodes]
    wanted = [".".join(version.split(".")[:2]) for version in VERSIONS]
    assert [minor and minor.group(1) for minor in minors] == wanted, "choose kind's images for these versions"


def test_a_release_is_published_only_after_its_checks() -> None:
    release = WORKFLOWS["release"]["jobs"]
    assert release["ci"]["uses"] == "./.github/workflows/ci.yaml"
    order = {name: job.get("needs") for name, job in release.items()}
    assert order == {"ci": None, "images": "ci", "chart": "images", "notes": "chart"}


@pytest.mark.covers(84)
def test_every_kind_of_dependency_is_kept_current() -> None:
    updates = yaml.safe_load((FOLDER / "dependabot.yml").read_text())["updates"]
    assert {one["package-ecosystem"] for one in updates} == {"uv", "docker", "github-actions"}
    for one in updates:
        assert one["schedule"]["interval"] == "weekly"
        assert [group["patterns"] for group in one["groups"].values()] == [["*"]]


@pytest.mark.covers(84)
def test_vulnerabilities_are_looked_for_every_week() -> None:
    # YAML takes `on` for true.
    assert WORKFLOWS["security"][True]["schedule"]  # type: ignore[index]
    lines = {step["run"] for name, step in steps() if name.startswith("security:") and "run" in step}
    assert lines == {"make audit", "make image-scan"}


def test_two_linters_find_nothing() -> None:
    assert (found := linted(FOLDER)) == "", found


@pytest.mark.parametrize(
    ("before", "after", "finding"),
    [
        ("runs-on: ubuntu-24.04", "runs-on: ubuntu-1.04", "unknown"),
        ("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "unpinned-uses"),
        ("permissions: {}\n", "permissions: write-all\n", "excessive-permissions"),
        ("run: make audit", "run: echo ${{ github.head_ref }}", "potentially untrusted"),
    ],
)
def test_the_linters_find_what_is_wrong(tmp_path: Path, before: str, after: str, finding: str) -> None:
    folder = tmp_path / ".github"
    shutil.copytree(FOLDER, folder)
    path = folder / "workflows" / "security.yaml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    assert finding in linted(folder)
