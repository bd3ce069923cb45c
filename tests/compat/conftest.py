"""An earlier version of the application, beside this one."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.queues import Queue
from devstack.application import Role
from devstack.processes import Process
from tests.integration.conftest import Stack, pytest_runtest_makereport, stack
from tests.polling import wait_for
from tests.services import APPLICATION

__all__ = ["earlier", "pytest_runtest_makereport", "stack"]

ROOT = Path(__file__).resolve().parents[2]
# A commit, while nothing has been released.
BASE = Path(__file__).with_name("BASE")
PARTS = ("app", "tests/__init__.py", "tests/settings.py", "tests/testapp")


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def known(commit: str) -> bool:
    """Whether the clone has it: a shallow one may not."""
    command = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == 0


def earlier_version() -> str:
    """The newest release, else the commit that BASE names, else the oldest one that this clone has."""
    if tags := git("tag", "--list", "v*", "--merged", "HEAD", "--sort=-version:refname").decode().split():
        return tags[0]
    base = BASE.read_text().strip()
    return base if known(base) else git("rev-list", "--max-parents=0", "HEAD").decode().split()[-1]


@pytest.fixture(scope="session")
def earlier() -> Iterator[Path]:
    """A folder with the earlier version's application and the tests' job types."""
    folder = Path(tempfile.mkdtemp(prefix="jobs-earlier-"))
    folder.chmod(0o755)
    with tarfile.open(fileobj=io.BytesIO(git("archive", earlier_version(), *PARTS))) as archive:
        archive.extractall(folder, filter="data")
    yield folder
    shutil.rmtree(folder)


def environment_of(folder: Path, role: Role, queue: Queue | None = None) -> dict[str, str]:
    """As this version's, with the earlier one's job types."""
    return APPLICATION.environment(role, queue, name="earlier") | {"PYTHONPATH": str(folder)}


def worker_of(folder: Path, stack: Stack) -> Process:
    """Start a worker of the version in this folder and wait until it takes messages. It ends with the stack."""
    process = APPLICATION.process(Role.WORKER, Queue.DEFAULT, name="earlier")
    process.log.unlink(missing_ok=True)
    process.folder, process.environment = folder / "app", environment_of(folder, Role.WORKER, Queue.DEFAULT)
    process.start()
    stack.processes.append(process)
    wait_for(lambda: "ready." in process.log.read_text(), 30, what=f"{process.name} ready")
    return process
