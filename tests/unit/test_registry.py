"""Declaring job types."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.queues import Queue
from jobs import registry
from jobs.policies import Retry
from jobs.registry import JobType, NoPayload, find, job, job_types
from jobs.running import RunningJob


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Declarations of these tests are forgotten afterwards."""
    monkeypatch.setattr(registry, "_types", {})


def body(job: RunningJob, payload: NoPayload) -> None:
    """Do nothing."""


@pytest.mark.covers(32)
@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("reports.tasks", "reports.body"),
        ("examples.reports.tasks", "reports.body"),
        ("reports.tasks.monthly", "reports.body"),
    ],
)
def test_a_job_type_is_called_by_its_app_and_function(monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> None:
    """Also where an app has so many tasks that `tasks` is a package."""
    monkeypatch.setattr(body, "__module__", module)
    assert job(queue=Queue.IO)(body).name == name


@pytest.mark.covers(8)
def test_a_job_type_that_was_renamed_is_found_by_its_old_name_and_listed_once() -> None:
    declared: JobType[NoPayload] = job(queue=Queue.IO, name="mail.send", aliases=("mail.deliver",))(body)
    assert find("mail.send") is find("mail.deliver") is declared
    assert job_types() == [declared]


@pytest.mark.parametrize("aliases", [("mail.send",), ("mail.deliver",)])
def test_two_job_types_cannot_have_one_name(aliases: tuple[str, ...]) -> None:
    job(queue=Queue.IO, name="mail.send", aliases=("mail.deliver",))(body)
    with pytest.raises(ImproperlyConfigured, match="two job types are called"):
        job(queue=Queue.IO, name="mail.other", aliases=aliases)(body)


def test_a_job_type_says_what_the_api_shows() -> None:
    declared: JobType[NoPayload] = job(queue=Queue.IO, name="mail.send", retry=Retry(attempts=2))(body)
    assert (declared.description, declared.exposed, declared.retry.attempts) == ("Do nothing.", True, 2)
    assert declared.schema()["additionalProperties"] is False


def test_an_unknown_name_is_nobody() -> None:
    assert find("no.such") is None
