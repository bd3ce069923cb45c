"""The documents as a site: it builds strictly, has every page, and asks nobody else for anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guards.source import ROOT, told

DOCS = ROOT / "docs"


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        str(config),
        "--site-dir",
        str(site),
    ]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT / "mkdocs.yml", folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_can_be_reached_from_the_first(site: Path) -> None:
    pages = {path.relative_to(DOCS).with_suffix("") for path in DOCS.rglob("*.md")} - {Path("index")}
    assert len(pages) >= 15
    linked = set(re.findall(r'href="([\w/.-]+)/"', (site / "index.html").read_text()))
    assert {str(page) for page in pages} <= linked, "name it, or its folder, in docs/.nav.yml"


def test_nothing_is_fetched_from_others(site: Path) -> None:
    """Fonts, scripts and styles; where a mermaid diagram is, the theme's own script fetches what draws it."""
    fetched = {
        f"{path.relative_to(site)}: {address}"
        for path in site.rglob("*.html")
        for address in re.findall(r'<(?:script|img|iframe)[^>]+src="(https?:[^"]+)"', path.read_text())
        + re.findall(r'<link[^>]+rel="(?:stylesheet|preconnect)"[^>]+href="(https?:[^"]+)"', path.read_text())
    }
    assert not fetched, told(fetched, "keep it in docs/")


def test_diagrams_are_left_to_what_draws_them(site: Path) -> None:
    assert '<pre class="mermaid"><code>stateDiagram' in (site / "architecture" / "index.html").read_text()


@pytest.mark.parametrize("link", ["nowhere.md", "settings.md#nothing-of-that-name"])
def test_a_link_that_leads_nowhere_ends_the_build(tmp_path: Path, link: str) -> None:
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    shutil.copytree(DOCS, tmp_path / "docs")
    with (tmp_path / "docs" / "index.md").open("a") as page:
        page.write(f"\nSee [there]({link}).\n")
    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert done.returncode != 0
    assert link.partition("#")[0] in done.stderr
