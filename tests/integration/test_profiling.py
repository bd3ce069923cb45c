"""Profiles of a share of the attempts, on real workers of both pools."""

from __future__ import annotations

import random

import pytest
from django.conf import LazySettings

from config.queues import Queue
from jobs.execution import claim, perform
from jobs.models import File
from jobs.states import State
from tests.integration.conftest import Stack
from tests.testapp.tasks import Echo, Nap, Trouble, echo, nap_on, trouble


@pytest.mark.covers(92)
@pytest.mark.parametrize("queue", [Queue.DEFAULT, Queue.IO], ids=str)
def test_sampled_attempts_leave_profiles_that_name_where_the_time_went(stack: Stack, queue: Queue) -> None:
    stack.worker(queue, JOB_PROFILE_SAMPLE="1")
    jobs = [nap_on[queue].enqueue(Nap(seconds=0.5, looks_up=False)) for _ in range(3)]
    ended = stack.ended(jobs, 30).values()
    assert {job.state for job in ended} == {State.SUCCEEDED}
    for job in jobs:
        profile = File.objects.get(job=job)
        assert (profile.name, profile.content_type) == ("profile-of-attempt-1.txt", "text/plain; charset=utf-8")
        assert "doze" in bytes(profile.content).decode()


@pytest.mark.covers(92)
@pytest.mark.django_db
def test_an_attempt_that_fails_is_profiled_too(settings: LazySettings) -> None:
    settings.JOB_PROFILE_SAMPLE = 1
    job = claim(trouble.enqueue(Trouble(raises="permanent")).id)
    assert job is not None
    assert perform(job, 60).state == State.DEAD
    assert File.objects.get(job_id=job.id).name == "profile-of-attempt-1.txt"


@pytest.mark.covers(92)
@pytest.mark.django_db
@pytest.mark.parametrize(("share", "profiles"), [(0.0, range(1)), (0.5, range(3, 18)), (1.0, range(20, 21))])
def test_the_setting_is_the_share_of_attempts_that_are_profiled(
    settings: LazySettings, share: float, profiles: range
) -> None:
    settings.JOB_PROFILE_SAMPLE = share
    random.seed(1)
    for _ in range(20):
        job = claim(echo.enqueue(Echo(text="ab")).id)
        assert job is not None
        assert perform(job, 60).state == State.SUCCEEDED
    assert File.objects.count() in profiles
