"""The image: what its recipe must say. Its size and start are measured where there is a Docker."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml

from deploy.release import versions
from tests.chart.charts import FOLDER, ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def stages() -> dict[str, tuple[str, str]]:
    """Name of each stage, what it starts from and its lines."""
    found = re.findall(r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    return {name: (base, lines) for base, name, lines in found}


def test_every_stage_starts_from_the_same_base() -> None:
    bases = {base for base, _ in stages().values()} - stages().keys()
    assert bases == {"python:3.13-slim-trixie"}
    assert "# syntax=" not in DOCKERFILE


@pytest.mark.covers(5)
def test_only_what_is_locked_is_installed() -> None:
    installing = re.findall(r"uv sync (.*)", DOCKERFILE)
    assert installing == ["--frozen --no-default-groups", "--frozen --no-default-groups --group flower"]


def test_uv_is_the_one_that_the_checkout_uses() -> None:
    (here,) = re.findall(r"uv==(\S+)", DOCKERFILE)
    assert f'UV = "{here}"' in (ROOT / "deploy" / "local" / "uv.py").read_text()


@pytest.mark.covers(5, 83)
def test_what_builds_the_image_is_not_in_it() -> None:
    for name in ("application", "flower"):
        base, lines = stages()[name]
        assert base == "final"
        assert set(re.findall(r"^([A-Z]+) ", lines, re.MULTILINE)) == {"COPY"}
    assert stages()["final"][0] == "base"
    assert "RUN" not in stages()["base"][1] + stages()["final"][1]


@pytest.mark.covers(66, 83)
def test_one_entrypoint_takes_the_role_as_its_argument() -> None:
    _, lines = stages()["final"]
    assert 'ENTRYPOINT ["python", "-m", "config"]' in lines
    assert re.search(r"^USER \d+:\d+$", lines, re.MULTILINE)
    values = yaml.safe_load((FOLDER / "values.yaml").read_text())
    assert f"USER {values['pod']['user']}:" in lines


def test_a_plain_build_makes_the_application_and_not_flower() -> None:
    assert list(stages())[-1] == "application"


def test_image_chart_lock_and_overlays_have_one_version() -> None:
    assert len(versions.PLACES) == 6
    assert set(versions.spelled()) == {str(versions.current())}, "a version is made by `make release VERSION=…`"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((FOLDER / "Chart.yaml").read_text())
    assert project["version"] == chart["version"] == chart["appVersion"]
