"""The audit finds what it is there to find: without that, a green matrix says nothing."""

from __future__ import annotations

from collections import Counter

import pytest

from jobs.effects import Guarantee
from jobs.models import Job
from jobs.states import Reason, State
from tests.faults.audit import faults_of

EXACTLY, LEAST, MOST = Guarantee.EXACTLY_ONCE, Guarantee.AT_LEAST_ONCE, Guarantee.AT_MOST_ONCE
ONCE = Counter({"part 0": 1, "part 1": 1})
TWICE = Counter({"part 0": 2, "part 1": 1})
HALF = Counter({"part 0": 1})


def job(guarantee: Guarantee, state: State = State.SUCCEEDED, attempt: int = 1, **fields: str) -> Job:
    known = {"reason": "", "error": "", **fields}
    return Job(state=state, attempt=attempt, payload={"parts": 2, "guarantee": guarantee.value}, **known)


def in_doubt(guarantee: Guarantee) -> Job:
    return job(guarantee, State.DEAD, 2, reason=Reason.FAILED, error="EffectInDoubt: the effect was begun before")


@pytest.mark.parametrize("guarantee", list(Guarantee))
def test_a_job_that_succeeded_with_each_effect_once_is_as_promised(guarantee: Guarantee) -> None:
    assert list(faults_of(job(guarantee), ONCE, ())) == []


@pytest.mark.parametrize(
    ("one", "acts"),
    [(job(LEAST, attempt=2), TWICE), (in_doubt(MOST), HALF), (in_doubt(MOST), Counter())],
    ids=["at least once, twice in two attempts", "at most once, in doubt", "at most once, in doubt and never"],
)
def test_what_the_author_chose_is_as_promised(one: Job, acts: Counter[str]) -> None:
    assert list(faults_of(one, acts, ())) == []


@pytest.mark.parametrize(
    ("one", "acts", "words"),
    [
        (job(EXACTLY, State.RUNNING), HALF, "has not ended"),
        (job(EXACTLY, attempt=2), TWICE, "did part 0 2 times in 2 attempts"),
        (job(MOST, attempt=2), TWICE, "did part 0 2 times in 2 attempts"),
        (job(LEAST), TWICE, "did part 0 2 times in 1 attempts"),
        (job(EXACTLY), HALF, "without 1 of its effects"),
        (job(EXACTLY, State.DEAD, reason=Reason.LOST), HALF, "is dead"),
        (in_doubt(EXACTLY), HALF, "is dead"),
        (job(EXACTLY, State.CANCELLED, reason=Reason.EXPIRED), Counter(), "is cancelled"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_promise_is_found(one: Job, acts: Counter[str], words: str) -> None:
    [fault] = faults_of(one, acts, ())
    assert words in fault


def test_a_death_that_the_fault_may_cause_is_none() -> None:
    assert list(faults_of(job(EXACTLY, State.DEAD, reason=Reason.TIMEOUT), HALF, (Reason.TIMEOUT,))) == []
