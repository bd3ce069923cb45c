"""A reader of `docs/tutorial.md` who does what it says: writes its files, types its commands, compares its answers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.polling import wait_for

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tutorial.md"
# What its sections are about.
APP, ON_A_CLUSTER = "An app", "On Kubernetes"
LEFT_BEHIND = (".git", ".venv", ".local", ".ruff_cache", ".pytest_cache", ".hypothesis", "__pycache__", "staticfiles")
# Commands that change nothing: asked again until the answer is the one that the page shows.
QUESTION = re.compile(r"^(?:api|k get) (?!-d)[^\n]+$")
# Seconds until it must be: many rounds of the tutorial's retry.
PATIENCE = 60.0
ANYTHING = "…"


@dataclass(frozen=True)
class Block:
    """A fenced block: below which heading of the second level, in which language, with which title and text."""

    section: str
    language: str
    title: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{PAGE.name}:{self.line}"


def blocks(page: str) -> list[Block]:
    """Every fenced block of a page. A fence that is left open has the rest of the page in it."""
    found: list[Block] = []
    section, opened, lines = "", None, []
    for number, line in enumerate(page.splitlines(), 1):
        if opened is None and (heading := re.match(r"## (.+)", line)):
            section = heading[1]
        fence = re.match(r'```(\w*)(?: title="([^"]+)")?$', line)
        if opened is None and fence:
            opened, lines = (fence[1], fence[2] or "", number), []
        elif opened and line == "```":
            found.append(Block(section, opened[0], opened[1], "\n".join(lines) + "\n", opened[2]))
            opened = None
        elif opened:
            lines.append(line)
    assert opened is None, f"{PAGE.name}:{opened and opened[2]} opens a block that nothing closes"
    return found


def checkout(folder: Path) -> Path:
    """A fresh copy of this checkout, with the environment of this one instead of one to install for minutes."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    (folder / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        if not part.name.startswith("."):
            (folder / ".venv" / part.name).symlink_to(part)
    for group in ("local", "test"):
        (folder / ".venv" / f".{group}").touch()
    return folder


class Reader:
    """Goes through blocks in order. What the page leaves open (`export TOKEN=…`) is filled in from `known`."""

    def __init__(self, folder: Path, environment: Mapping[str, str], patience: float = PATIENCE) -> None:
        self.folder = folder
        self._patience = patience
        self.known: dict[str, str] = {}
        self._environment = dict(environment)
        self._shell = folder / ".shell"
        self._shell.touch()
        self._last: Block | None = None
        self._printed = ""

    def do(self, block: Block) -> None:
        """Do what a block says; AssertionError says where the page is wrong."""
        if block.language == "console":
            self._last, self._printed = block, self.type(block.text, str(block))
            self._learn()
        elif block.language == "diff":
            self._change(block)
        elif block.title:
            path = self.folder / block.title
            assert not path.exists(), f"{block} would overwrite {block.title}"
            path.write_text(block.text)
        else:
            self._compare(block)

    def type(self, text: str, place: str = "") -> str:
        """Type lines into the shell, which keeps its variables and functions; what was printed."""
        keep = f"trap '{{ export -p; declare -f; }} >\"{self._shell}\"' EXIT"
        script = f'set -euo pipefail; . "{self._shell}"; {keep}\nset -a\n{self._filled_in(text)}'
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=self._environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{place} ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def _filled_in(self, text: str) -> str:
        return re.sub(rf"\b([A-Z]+)=\S*{ANYTHING}", lambda match: f"{match[1]}={self.known[match[1]]}", text)

    def _learn(self) -> None:
        """The id of a job that was just asked for."""
        if found := re.search(r'^    "id": "([\w-]{36})"', self._printed, re.MULTILINE):
            self.known["JOB"] = found[1]

    def _change(self, block: Block) -> None:
        lines = block.text.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] != "+")
        after = "".join(line[1:] for line in lines if line[0] != "-")
        path = self.folder / block.title
        text = path.read_text()
        assert text.count(before) == 1, f"{block}: {before!r} is not once in {block.title}"
        path.write_text(text.replace(before, after))

    def _compare(self, block: Block) -> None:
        """What the page shows is what came; a question is asked again until it is."""
        asked = self._last
        assert asked, f"{block} shows an answer before anything was asked"

        def look() -> bool:
            if shown(block, self._printed):
                return True
            if is_question(asked):
                self._printed = self.type(asked.text.splitlines()[-1], str(asked))
            return shown(block, self._printed)

        try:
            wait_for(look, self._patience if is_question(asked) else 0, what=f"{block} is the answer to {asked}")
        except AssertionError as error:
            raise AssertionError(f"{error}\nexpected:\n{block.text}\nlast:\n{self._printed}") from None


def is_question(block: Block) -> bool:
    return bool(QUESTION.match(block.text.splitlines()[-1]))


def shown(block: Block, printed: str) -> bool:
    """Whether everything that a block shows was printed: as JSON, or line by line."""
    if block.language == "json":
        try:
            return contains(json.loads(printed), json.loads(block.text))
        except ValueError:
            return False
    words = (line.split() for line in block.text.splitlines())
    lines = (r"\s+".join(re.escape(word).replace(ANYTHING, r"\S.*") for word in line) for line in words)
    return all(re.search(line, printed) for line in lines)


def contains(real: Any, part: Any) -> bool:
    """Whether JSON has at least what a part of it says. A list has each of the part's members."""
    if part == ANYTHING:
        return True
    if isinstance(part, dict):
        return isinstance(real, dict) and all(key in real and contains(real[key], part[key]) for key in part)
    if isinstance(part, list):
        return isinstance(real, list) and all(any(contains(one, member) for one in real) for member in part)
    return bool(real == part)


def clean_environment() -> dict[str, str]:
    """Of this process's variables those that a reader's terminal has too."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
