"""An earlier version of the application, beside this one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.queues import Queue
from devstack.application import Role
from devstack.processes import Process
from tests.compat.versions import earlier_version, unpack
from tests.integration.conftest import Stack, pytest_runtest_makereport, stack
from tests.polling import wait_for
from tests.services import APPLICATION

__all__ = ["earlier", "pytest_runtest_makereport", "stack"]

PARTS = ("app", "tests/__init__.py", "tests/settings.py", "tests/testapp")


@pytest.fixture(scope="session")
def earlier() -> Iterator[Path]:
    """A folder with the earlier version's application and the tests' job types."""
    folder = Path(tempfile.mkdtemp(prefix="jobs-earlier-"))
    folder.chmod(0o755)
    unpack(earlier_version(), folder, *PARTS)
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
