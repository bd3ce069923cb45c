"""From the earlier version to this one: its image and its chart, upgraded while jobs wait and run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.kind import cluster, release
from tests.cluster import kube as kubes
from tests.cluster.conftest import HERE, Images
from tests.cluster.kube import Kube
from tests.cluster.stack import Stack, Trace, done_exactly_once
from tests.compat.versions import ROOT, earlier_version, unpack

NAMESPACE, RELEASE = "earlier", "earlier"
# Jobs of a second each, so many before the upgrade and at its end; and some that are running when it begins.
BEFORE, AFTER, LONG = 60, 10, 3
SHORT = BEFORE + AFTER
LONG_SECONDS = 40


@dataclass(frozen=True)
class Upgraded:
    """What an upgrade from the earlier version met, and what came after it."""

    stack: Stack
    short: str
    long: str
    after: str


@pytest.fixture(scope="module")
def upgraded(images: Images, figures: dict[str, str]) -> Iterator[Upgraded]:
    with kubes.namespace(NAMESPACE), tempfile.TemporaryDirectory(prefix="jobs-earlier-") as folder:
        version = earlier_version()
        began = time.monotonic()
        install(Path(folder), earlier_image(version, Path(folder)))
        figures[f"seconds to build and install {version[:12]}"] = f"{time.monotonic() - began:.0f}"
        stack = Stack(Kube(NAMESPACE, f"{RELEASE}-django-celery"))
        long = stack.enqueue("io", LONG, seconds=LONG_SECONDS)
        short = stack.enqueue("default", BEFORE, seconds=1)
        stack.wait_begun(long, LONG, within=60)
        stack.wait_begun(short, 1, within=60)
        began = time.monotonic()
        install(ROOT, images.one)
        figures[f"seconds to upgrade {version[:12]} to this commit"] = f"{time.monotonic() - began:.0f}"
        stack.enqueue("default", AFTER, seconds=1, batch=short)
        stack.wait_ended(long, LONG, within=120)
        stack.wait_ended(short, SHORT, within=180)
        after = stack.enqueue("default")
        stack.wait_ended(after, 1, within=60)
        yield Upgraded(stack, short, long, after)


def earlier_image(version: str, folder: Path) -> str:
    """The image of a version with its own app of the tests, in the cluster; its tree is left in the folder."""
    unpack(version, folder)
    assert (folder / "deploy" / "helm").is_dir(), f"{version} has no chart; name a later commit in tests/compat/BASE"
    base = cluster.build("earlier", str(folder))
    arguments = ("--build-arg", f"IMAGE={base}", "--build-arg", "GENERATION=earlier")
    image = cluster.build("probe-earlier", str(folder / "tests" / "cluster" / "probe"), *arguments)
    cluster.load(image)
    return image


def install(checkout: Path, image: str) -> None:
    """Install a checkout's chart with its own values, or bring the release to it."""
    values, chart = checkout / "deploy" / "kind" / "values.yaml", checkout / "deploy" / "helm" / "django-celery"
    release.put(RELEASE, NAMESPACE, image, values, HERE / "release.yaml", chart=chart)


def generations(traces: list[Trace]) -> set[str]:
    return {trace.generation for trace in traces}


@pytest.mark.covers(71, 76)
def test_every_job_is_done_exactly_once_by_one_version_or_the_other(upgraded: Upgraded) -> None:
    traces = upgraded.stack.traces(upgraded.short)
    done_exactly_once(traces, SHORT)
    assert {job["state"] for job in upgraded.stack.jobs(upgraded.short)} == {"succeeded"}
    assert generations(traces) == {"earlier", "one"}, "the jobs were not spread over the upgrade"


@pytest.mark.covers(76)
def test_jobs_that_ran_when_the_upgrade_began_end_where_they_began(upgraded: Upgraded) -> None:
    traces = upgraded.stack.traces(upgraded.long)
    done_exactly_once(traces, LONG)
    assert generations(traces) == {"earlier"}
    assert {(job["attempt"], job["losses"]) for job in upgraded.stack.jobs(upgraded.long)} == {("1", "0")}


@pytest.mark.covers(71)
def test_this_version_works_on_the_earlier_ones_data(upgraded: Upgraded) -> None:
    assert generations(upgraded.stack.traces(upgraded.after)) == {"one"}
    # It fails when a migration is missing.
    upgraded.stack.kube.manage("migrate", "--check")
