"""What the tests of the examples share.

They stand in a folder of their own, and none is collected unless `examples` is an installed app: so the examples can
be deleted, folder and settings line, without a change here.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from pydantic import BaseModel

from accounts.models import User
from jobs.execution import claim, finish, perform
from jobs.models import File, Job
from jobs.registry import JobType
from jobs.running import RunningJob
from jobs.states import ACTIVE, Reason, State
from jobs.transitions import move, now
from jobs.workflows import wake_parents
from tests.examples.servers import OtherSystem, running
from tests.integration.conftest import stack

# The fixture of the integration tests, here too.
__all__ = ["stack"]

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
def run_queued(db: None) -> Callable[[UUID], Job]:
    """Everything that workers do with a queued job and its children, without the broker. Returns its row then.

    A job that is to be tried later has been tried once.
    """

    def run_one(job_id: UUID) -> Job:
        job = claim(job_id)
        assert job is not None
        assert finish(job, perform(job, TIME_LIMIT))
        if (ended := Job.objects.get(id=job_id)).reason != Reason.WAITING:
            return ended
        for child in Job.objects.filter(parent=job_id, state__in=ACTIVE).order_by("position"):
            run_one(child.id)
        assert wake_parents([job_id])
        return run_one(job_id)

    return run_one


@pytest.fixture
def run(alice: User, run_queued: Callable[[UUID], Job]) -> Callable[..., Job]:
    """Ask for a job and run it. `again` is one that is to be tried later: now is later."""

    def run_one(
        job_type: JobType[Any], payload: BaseModel, *, owner: User | None = alice, again: Job | None = None
    ) -> Job:
        job = again or job_type.enqueue(payload, owner=owner)
        if again:
            due = {"run_at": now()}
            assert move(State.QUEUED, None, came_from=State.SCHEDULED, where={"id": again.id}, changes=due)
        return run_queued(job.id)

    return run_one


@pytest.fixture
def other_system() -> Iterator[OtherSystem]:
    """A web server of somebody else's, which answers 200 unless told otherwise."""
    with running(OtherSystem()) as system:
        yield system


@pytest.fixture(scope="session")
def real_airports() -> bytes:
    """The airports of the United States that the package vega_datasets ships, found without importing it."""
    package = importlib.util.find_spec("vega_datasets")
    assert package is not None
    assert package.origin is not None
    return (Path(package.origin).parent / "_data" / "airports.csv").read_bytes()
