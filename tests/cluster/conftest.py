"""The release under test, and what a failure prints."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.kind import cluster, monitoring, programs, release, token
from deploy.kind.names import NAMESPACE, RELEASE
from devstack.errors import StackError
from tests.cluster import kube as kubes
from tests.cluster.away import Away
from tests.cluster.kube import Kube
from tests.cluster.prometheus import Prometheus
from tests.cluster.report import situation
from tests.cluster.stack import Stack

HERE = Path(__file__).parent
# Seconds that a test may take, the scenario that it looks at included.
TIMEOUT = 1200
# In this order: what needs a quiet release before what leaves it busy, and the ten minutes without Redis at the end.
ORDER = ["install", "manifests", "security", "scaling", "idle", "eviction", "monitoring", "outages", "schedules",
         "faults", "foreign", "flower", "kustomize", "upgrade", "release", "tutorial", "redis_away"]  # fmt: skip

FIGURES: dict[str, str] = {}
# Seconds between two reports of the same trouble, and when the last one was made.
TOLD_EVERY = 60
told_at = [-float(TOLD_EVERY)]


@dataclass(frozen=True)
class Images:
    """The application with the probe app, in two generations, and an image that is not this project's."""

    application: str
    one: str
    two: str
    foreign: str


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--keep-release", action="store_true", help="leave the tests' image installed, so that the next run begins soon"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {f"test_{name}": place for place, name in enumerate(ORDER)}
    items.sort(key=lambda item: places.get(item.path.stem, 0))
    for item in items:
        item.add_marker(pytest.mark.timeout(TIMEOUT))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    report = yield
    if report.failed and time.monotonic() - told_at[0] > TOLD_EVERY:
        told_at[0] = time.monotonic()
        report.sections.append(("the cluster", situation()))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if FIGURES:
        terminalreporter.section("figures")
        for what, figure in FIGURES.items():
            terminalreporter.write_line(f"{what}: {figure}")


@pytest.fixture(scope="session")
def figures() -> dict[str, str]:
    """What was measured, printed at the end."""
    return FIGURES


@pytest.fixture(scope="session")
def cluster_is_there() -> None:
    """End the run where there is nothing to test, and say what to do."""
    try:
        programs.check()
    except StackError as error:
        pytest.exit(str(error), returncode=1)
    if not kubes.is_there():
        pytest.exit("there is no cluster; make it with `make kind-up MONITORING=1`", returncode=1)
    if not monitoring.is_there():
        pytest.exit("the cluster has no Prometheus; add it with `make kind-up MONITORING=1`", returncode=1)


@pytest.fixture(scope="session")
def images(cluster_is_there: None) -> Images:
    """Built from the checkout as it is, and put into the cluster."""
    base = cluster.build()
    made = Images(
        application=base,
        one=probe_image(base, "one"),
        two=probe_image(base, "two"),
        foreign=cluster.build("foreign", str(HERE / "foreign")),
    )
    cluster.load(made.application, made.one, made.two, made.foreign)
    return made


def probe_image(base: str, generation: str) -> str:
    arguments = ("--build-arg", f"IMAGE={base}", "--build-arg", f"GENERATION={generation}")
    return cluster.build(f"probe-{generation}", str(HERE / "probe"), *arguments)


@pytest.fixture(scope="session")
def stack(images: Images, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The release of `make kind-up` with the tests' image; at the end what was there before."""
    began = time.monotonic()
    release.install(images.one, HERE / "values.yaml")
    token.current()
    api = token.api()
    FIGURES["seconds to install the tests' image"] = f"{time.monotonic() - began:.0f}"
    yield Stack(Kube(NAMESPACE, RELEASE), api)
    api.close()
    if not request.config.getoption("--keep-release"):
        release.install(images.application, wait=False)


@pytest.fixture(scope="session")
def kube(stack: Stack) -> Kube:
    """Its objects."""
    return stack.kube


@pytest.fixture(scope="session")
def prometheus(cluster_is_there: None) -> Prometheus:
    """The cluster's Prometheus."""
    return Prometheus()


@pytest.fixture(scope="session")
def away(images: Images) -> Iterator[Away]:
    """A second release that has lost its Redis."""
    with kubes.namespace(Away.NAMESPACE):
        second = Away(images.one)
        second.begin()
        yield second
        second.end()


@pytest.fixture(scope="session", autouse=True)
def long_waits_begin_first(request: pytest.FixtureRequest) -> None:
    """The ten minutes pass while the other tests run."""
    if any("away" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("away")
