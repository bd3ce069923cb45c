"""`make up` in a checkout of its own: the stack comes up, reloads what changes, keeps running what does not load."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.queues import Queue
from devstack.processes import Process
from tests.polling import wait_for

ROOT = Path(__file__).resolve().parents[2]


class Checkout:
    """A copy of what the stack is made of, where PostgreSQL's user can read it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ignored = shutil.ignore_patterns("__pycache__", "staticfiles", "helm")
        for part in ("app", "deploy"):
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ},
            "PYTHONPATH": f"{folder / 'deploy' / 'local'}:{folder / 'app'}",
        }
        self.task_file = folder / "app" / "ops" / "tasks.py"

    def up(self) -> Process:
        process = Process("up", self._command("up"), log=self.folder / "up.log", environment=self.environment, grace=60)
        process.start()
        return process

    def down(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command("down"), env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )

    def _command(self, verb: str) -> list[str]:
        return [sys.executable, "-m", "devstack", verb]

    def worker_log(self) -> str:
        return (self.folder / ".local" / "logs" / "worker-default.log").read_text()

    def has_begun(self) -> bool:
        """Whether every process but web, which has answered by then, says that it works."""
        texts = {log.stem: log.read_text() for log in (self.folder / ".local" / "logs").glob("*.log")}
        signs = {"relay": "relay started", "beat": "beat: Starting"}
        signs |= {name: "ready." for name in texts if name.startswith("worker-")}
        return len(signs) == 2 + len(Queue) and all(sign in texts.get(name, "") for name, sign in signs.items())


@pytest.fixture
def checkout() -> Iterator[Checkout]:
    folder = Path(tempfile.mkdtemp(prefix="jobs-checkout-"))
    folder.chmod(0o755)
    yield Checkout(folder)
    shutil.rmtree(folder)


@pytest.mark.covers(18)
@pytest.mark.waits(30)
def test_the_local_stack_comes_up_reloads_a_task_file_and_goes_down(checkout: Checkout) -> None:
    up = checkout.up()
    try:
        wait_for(lambda: "The stack runs at http://127.0.0.1:" in up.log.read_text(), 180, what="the stack is up")
        # One that still imports would end by the fault below.
        wait_for(checkout.has_begun, 60, what="every process works")

        with checkout.task_file.open("a") as file:
            file.write("\nthis does not compile\n")
        wait_for(lambda: "reload: not done" in up.log.read_text(), 30, what="the fault was seen")
        assert up.running

        shutil.copy(ROOT / "app" / "ops" / "tasks.py", checkout.task_file)
        wait_for(lambda: "reload: done" in up.log.read_text(), 120, what="the stack was reloaded")
        wait_for(lambda: checkout.worker_log().count("ready.") >= 2, 60, what="the new worker takes messages")

        assert "stop the stack" in (done := checkout.down()).stdout, done.stderr
        assert up.wait(30)
        assert up.exit_code == 0, up.log_end()
    finally:
        up.stop()
