"""The examples can be deleted: two folders and one line of the settings, and nothing else notices.

In a copy of the tree the layers that could notice run again, with a PostgreSQL of their own: guards (documents, names,
gates), contract tests (the API, the admin, the OpenAPI file, migrations), the unit tests that load every app, and
import-linter. What is left out cannot notice and would only take time: unit tests of single values, the local stack's,
integration tests (which use the job types of `tests/testapp`), requests in parallel and the generated ones. That none
of these imports the examples is a test of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFT_BEHIND = (".git", ".venv", ".local", "node_modules", ".*_cache", ".hypothesis", "__pycache__", "staticfiles")
LAYERS = (
    "tests/guards",
    "tests/contract",
    "tests/unit/test_schedule_declarations.py",
    "tests/unit/test_entry_points.py",
)
LEFT_OUT = (
    "--ignore=tests/contract/test_api_parallel.py",
    "--deselect=tests/contract/test_api_openapi.py::test_every_operation_answers_as_it_is_described",
)
# Nothing of this run's own may reach the other one's; the rest its plugin sets for itself.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


@pytest.fixture
def tree() -> Iterator[Path]:
    """A copy of the checkout, without the examples, where PostgreSQL's user can read it."""
    folder = Path(tempfile.mkdtemp(prefix="jobs-without-examples-"))
    folder.chmod(0o755)
    copy = folder / "checkout"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    shutil.rmtree(copy / "app" / "examples")
    shutil.rmtree(copy / "tests" / "examples")
    settings = copy / "app" / "config" / "settings" / "base.py"
    before = settings.read_text()
    settings.write_text(before.replace('    "examples",\n', ""))
    assert before.count("\n") - settings.read_text().count("\n") == 1
    yield copy
    shutil.rmtree(folder)


def test_only_their_own_tests_import_the_examples() -> None:
    own = ROOT / "tests" / "examples"
    others = [path for path in (ROOT / "tests").rglob("*.py") if own not in path.parents]
    importing = [str(path) for path in others if re.search(r"^\s*(from|import) examples\b", path.read_text(), re.M)]
    assert len(others) >= 40
    assert importing == []


@pytest.mark.covers(17)
@pytest.mark.waits(60)
@pytest.mark.timeout(1200)
def test_without_the_examples_the_suite_is_green(tree: Path) -> None:
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    # The tools of `make tools` stay where they are.
    environment["PATH"] = f"{ROOT / '.local' / 'bin'}{os.pathsep}{environment['PATH']}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *LEFT_OUT, *LAYERS]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-1_000:]


def test_without_the_examples_the_imports_go_one_way(tree: Path) -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": "app"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
