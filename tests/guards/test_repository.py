"""The repository stands for itself: nothing in it depends on where it was written."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.guards.source import ROOT, told

# Paths that exist on one machine: its home folders and mount points.
MACHINE = re.compile(rb"(?<![\w.\-$}])/(?:work|root|home/\w+|Users/\w+)/[\w.]")
# Homebrew's home on Linux is the same everywhere.
EVERYWHERE = b"/home/linuxbrew/"
MADE_HERE = {"__pycache__", ".git", ".venv", ".local", ".hypothesis", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
SUFFIXES_OF_BYTES = {".png", ".ico", ".gz", ".woff2"}


def files() -> list[Path]:
    """What git has or would take; where there is no git, all but what is made here."""
    paths = list(_known_to_git() or (path for path in ROOT.rglob("*") if not MADE_HERE & set(path.parts)))
    return [
        path for path in paths if path.is_file() and path.suffix not in SUFFIXES_OF_BYTES and path != Path(__file__)
    ]


def _known_to_git() -> list[Path]:
    if not shutil.which("git"):
        return []
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return [ROOT / line for line in done.stdout.splitlines()]


def test_no_file_names_a_path_of_one_machine() -> None:
    looked_at = files()
    assert len(looked_at) >= 200
    found = {
        f"{path.relative_to(ROOT)}:{number}"
        for path in looked_at
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if MACHINE.search(line.replace(EVERYWHERE, b""))
    }
    assert not found, told(found, "make it relative to the checkout, or a setting")


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        (b"cd /root/app", True),
        (b'open("/home/ada/x")', True),
        (b"/Users/ada/project", True),
        (b"see /work/notes", True),
        (b"the root / of a network", False),
        (b"docs/work/notes", False),
        (b"$HOME/root/x", False),
    ],
)
def test_such_a_path_is_recognised(line: bytes, is_one: bool) -> None:
    assert bool(MACHINE.search(line)) is is_one


def test_no_file_has_blanks_at_line_ends_or_no_end_of_line() -> None:
    untidy = {
        str(path.relative_to(ROOT))
        for path in files()
        if re.search(rb"[ \t]+$", (content := path.read_bytes()), re.MULTILINE)
        or (content and not content.endswith(b"\n"))
    }
    assert not untidy, told(untidy, "an editor that reads .editorconfig mends it on saving")
