"""What the tests of the examples share.

They stand in a folder of their own, and none is collected unless `examples` is an installed app: so the examples can
be deleted, folder and settings line, without a change here.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from pydantic import BaseModel

from accounts.models import User
from jobs.execution import claim, finish, perform
from jobs.models import File, Job
from jobs.registry import JobType
from jobs.running import RunningJob

if "examples" not in settings.INSTALLED_APPS:
    collect_ignore_glob = ["test_*.py"]

TIME_LIMIT = 60


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def upload(alice: User) -> Callable[..., File]:
    """A file as the API would keep it, Alice's unless said otherwise."""

    def make(content: bytes | str, owner: User | None = alice) -> File:
        raw = content.encode() if isinstance(content, str) else content
        return File.objects.create(
            owner=owner, name="airports.csv", content_type="text/csv", size=len(raw), content=raw
        )

    return make


@pytest.fixture
def attempt(alice: User) -> Callable[..., RunningJob]:
    """A job of Alice's, claimed as a worker claims it, for a service to run in. `again` is a job that has run."""

    def begin(
        job_type: JobType[Any],
        payload: BaseModel,
        *,
        again: RunningJob | None = None,
        running: type[RunningJob] = RunningJob,
    ) -> RunningJob:
        job_id = again.id if again else job_type.enqueue(payload, owner=alice).id
        job = claim(job_id)
        assert job is not None
        return running(job, TIME_LIMIT)

    return begin


@pytest.fixture
def run(alice: User) -> Callable[..., Job]:
    """Everything that a worker does with a job, without the broker. Returns the row as it is afterwards."""

    def run_one(job_type: JobType[Any], payload: BaseModel, *, owner: User | None = alice) -> Job:
        job = claim(job_type.enqueue(payload, owner=owner).id)
        assert job is not None
        assert finish(job, perform(job, TIME_LIMIT))
        return Job.objects.get(id=job.id)

    return run_one


@pytest.fixture(scope="session")
def real_airports() -> bytes:
    """The airports of the United States that the package vega_datasets ships, found without importing it."""
    package = importlib.util.find_spec("vega_datasets")
    assert package is not None
    assert package.origin is not None
    return (Path(package.origin).parent / "_data" / "airports.csv").read_bytes()
