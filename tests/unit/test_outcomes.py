"""How an attempt ends: what the row gets, and what its owner may read of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from pydantic import BaseModel

from jobs import outcomes
from jobs.models import Job
from jobs.outcomes import RESULT_MAX_BYTES, TRACEBACK_MAX_CHARACTERS, Outcome, failed, lost, succeeded, text_of
from jobs.policies import Permanent, Retry, Transient
from jobs.running import TimeLimitReached
from jobs.states import TRANSITIONS, EventKind, Reason, State


class Report(BaseModel):
    """What a service may return."""

    rows: int


def job(**columns: Any) -> Job:
    """A row that nobody stored."""
    return Job(**{"failures": 0, "losses": 0, "attempt": 1, **columns})


def seconds_until_next(outcome: Outcome) -> float:
    """When the job is due again, after the moment of the update."""
    [seconds] = outcome.changes["run_at"].values
    return float(seconds)


@pytest.mark.parametrize(
    ("returned", "stored"),
    [(None, None), (Report(rows=3), {"rows": 3}), ({"a": [1, None]}, {"a": [1, None]}), ("text", "text"), (0, 0)],
    ids=str,
)
def test_what_a_service_returns_is_kept_as_json(returned: Any, stored: Any) -> None:
    outcome = succeeded(returned)
    assert (outcome.state, outcome.event, outcome.changes["result"]) == (State.SUCCEEDED, EventKind.SUCCEEDED, stored)
    assert outcome.facts == {}


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (object(), "not JSON serializable"),
        ("x" * RESULT_MAX_BYTES, f"it must have at most {RESULT_MAX_BYTES}: save a file"),
        ("a\0b", "the result must not contain NUL"),
        (float("nan"), "the result must not contain a number that is not finite"),
    ],
)
def test_what_cannot_be_kept_is_the_services_mistake_and_says_why(returned: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        succeeded(returned)


@pytest.mark.covers(36)
def test_a_job_whose_subject_is_gone_has_succeeded_with_that_reason() -> None:
    outcome = succeeded(None, Reason.GONE, "the user was deleted")
    assert (outcome.state, outcome.facts) == (
        State.SUCCEEDED,
        {"reason": Reason.GONE, "error": "the user was deleted"},
    )


@pytest.mark.covers(3)
def test_a_failure_with_attempts_left_is_scheduled_again_with_the_policys_delay() -> None:
    outcome = failed(job(failures=1), Retry(attempts=5, first=10), Transient("busy"), Reason.FAILED)
    assert (outcome.state, outcome.event, outcome.changes["failures"]) == (State.SCHEDULED, EventKind.FAILED, 2)
    assert 10 <= seconds_until_next(outcome) <= 20
    assert outcome.changes["dispatched_at"] is None, "its message is gone; the relay sends another"


@pytest.mark.covers(3, 51, 52)
@pytest.mark.parametrize(
    ("failures", "error"), [(4, Transient("busy")), (0, Permanent("no")), (0, ValueError("no"))], ids=str
)
def test_a_failure_without_an_attempt_left_is_a_dead_letter_with_its_traceback(failures: int, error: Exception) -> None:
    try:
        raise error
    except Exception as caught:
        outcome = failed(job(failures=failures), Retry(attempts=5), caught, Reason.FAILED)
    assert (outcome.state, outcome.event) == (State.DEAD, EventKind.DEAD)
    assert outcome.changes["failures"] == failures + 1
    assert "test_outcomes.py" in outcome.changes["traceback"]
    assert "run_at" not in outcome.changes


@pytest.mark.covers(55)
def test_a_service_that_ran_too_long_is_not_tried_again_and_says_so() -> None:
    outcome = failed(job(), Retry(attempts=5), TimeLimitReached(), Reason.TIMEOUT)
    assert (outcome.state, outcome.changes["reason"]) == (State.DEAD, Reason.TIMEOUT)
    assert outcome.changes["error"] == "the service ran past its queue's time limit"


def test_losses_are_counted_apart_from_failures_and_limited() -> None:
    first, last = (
        lost(job(failures=4, losses=losses), Reason.LOST, "gone") for losses in (0, settings.JOB_LOSSES_MAX - 1)
    )
    assert (first.state, first.event, first.changes["losses"]) == (State.QUEUED, EventKind.LOST, 1)
    assert "failures" not in first.changes
    assert (last.state, last.changes["error"]) == (State.DEAD, f"gone, {settings.JOB_LOSSES_MAX} times")


def test_jobs_that_were_lost_together_wait_before_they_meet_again() -> None:
    outcome = lost(job(), Reason.LOST, "gone", with_neighbours=True)
    assert outcome.state == State.SCHEDULED
    assert 0 < seconds_until_next(outcome) <= 5


@pytest.mark.covers(109)
@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Transient("the other side is busy"), "Transient: the other side is busy"),
        (Permanent("no such account"), "Permanent: no such account"),
        (KeyError("internal detail"), "unexpected KeyError"),
        (TimeLimitReached(), "the service ran past its queue's time limit"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_owner_reads_what_was_written_for_people_and_of_other_errors_the_kind(
    error: BaseException, text: str
) -> None:
    assert text_of(error) == text


@pytest.mark.covers(82)
def test_neither_the_error_nor_the_traceback_keeps_a_secret_or_what_the_database_cannot() -> None:
    error = Permanent("login at https://app:hunter2@example.com failed\0 with password=hunter2")
    outcome = failed(job(), Retry(), error, Reason.FAILED)
    written = outcome.changes["error"] + outcome.changes["traceback"]
    assert "hunter2" not in written
    assert "\0" not in written


def test_of_a_long_traceback_the_end_is_kept() -> None:
    text = outcomes.trace_of(ValueError("x" * 50_000 + " the end"))
    assert len(text) <= TRACEBACK_MAX_CHARACTERS
    assert text.rstrip().endswith("the end")


@pytest.mark.covers(99)
def test_every_outcome_is_a_transition_out_of_running() -> None:
    made = [
        succeeded(None),
        outcomes.cancelled(),
        outcomes.dead(Reason.INVALID, "no"),
        failed(job(), Retry(), Transient(), Reason.FAILED),
        lost(job(), Reason.LOST, "gone"),
        lost(job(), Reason.LOST, "gone", with_neighbours=True),
    ]
    assert {outcome.state for outcome in made} == set(TRANSITIONS[State.RUNNING])
