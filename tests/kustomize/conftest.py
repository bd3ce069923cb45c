"""The overlays, built once from a copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chart.charts import Chart
from tests.kustomize.kustomize import OVERLAYS, Built, build, copy


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """deploy/kustomize as it is committed, with what overlay `local` is given."""
    return copy(tmp_path_factory.mktemp("copy") / "kustomize")


@pytest.fixture(scope="session")
def built(folder: Path) -> dict[str, Built]:
    """Each overlay's objects."""
    return {name: build(folder / "overlays" / name) for name in OVERLAYS}


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest, built: dict[str, Built]) -> Built:
    return built[request.param]


@pytest.fixture(scope="session")
def local(built: dict[str, Built]) -> Built:
    return built["local"]


@pytest.fixture(scope="session")
def staging(built: dict[str, Built]) -> Built:
    return built["staging"]


@pytest.fixture(scope="session")
def production(built: dict[str, Built]) -> Built:
    return built["production"]


@pytest.fixture(scope="session")
def chart() -> Chart:
    return Chart()
