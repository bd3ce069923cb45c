"""What a version changed: fragments until it is released, then its part of CHANGELOG.md."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.kind.names import ROOT
from deploy.kind.programs import run
from deploy.release import versions
from deploy.release.versions import Version
from devstack.console import step
from devstack.errors import StackError

CHANGELOG = ROOT / "CHANGELOG.md"
FRAGMENTS = ROOT / "changelog"


def fragments() -> list[Path]:
    """What has changed since the last version, a file for each change."""
    return sorted(path for path in FRAGMENTS.glob("*.*.md"))


def notes(version: Version) -> str:
    """Its part of the changelog, without the heading. StackError when there is none."""
    pattern = rf"^## {re.escape(str(version))} .*?$\n(.+?)(?=^## |\Z)"
    if found := re.search(pattern, CHANGELOG.read_text(), re.MULTILINE | re.DOTALL):
        return found.group(1).strip()
    raise StackError(f"CHANGELOG.md has no part for {version}; `make release VERSION={version}` writes it")


def publish() -> None:
    """Make the release on GitHub, with these notes."""
    versions.check()
    version = versions.current()
    with step(f"GitHub's release {version.tag}"):
        given = ("--title", str(version), "--notes-file", "-")
        run("gh", "release", "create", version.tag, "--verify-tag", *given, given=notes(version))
