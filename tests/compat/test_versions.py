"""While a new version is rolled out, the old one still runs: each takes the other's jobs, on the new schema."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from devstack.application import Role
from jobs.models import Job
from jobs.states import State
from tests.compat.conftest import environment_of, worker_of
from tests.integration.conftest import Stack
from tests.testapp.tasks import Echo, Nap, echo, nap

ASK = "from tests.testapp.tasks import Echo, echo; print('job', echo.enqueue(Echo(text='ab', times=2)).id)"


def test_the_earlier_versions_worker_runs_this_versions_jobs(stack: Stack, earlier: Path) -> None:
    worker_of(earlier, stack)
    job = echo.enqueue(Echo(text="ab", times=2))
    assert stack.ended([job], 30)[job.id].result == {"text": "abab"}


def test_this_versions_worker_runs_the_earlier_versions_jobs(stack: Stack, earlier: Path) -> None:
    stack.worker()
    asked = subprocess.run(
        [sys.executable, "-m", "config", "manage", "shell", "--command", ASK],
        cwd=earlier / "app",
        env=environment_of(earlier, Role.MANAGE),
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    [job_id] = [line.split()[1] for line in asked.stdout.splitlines() if line.startswith("job ")]
    job = Job.objects.get(id=job_id)
    assert stack.ended([job], 30)[job.id].result == {"text": "abab"}


def test_a_job_of_an_earlier_worker_that_was_killed_is_finished_by_a_new_one(stack: Stack, earlier: Path) -> None:
    old = worker_of(earlier, stack)
    stack.relay()
    job = nap.enqueue(Nap(seconds=2))
    stack.running(job)
    stack.worker()
    old.kill()
    assert stack.ended([job], 30)[job.id].state == State.SUCCEEDED
