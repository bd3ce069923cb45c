"""What a retry policy decides: a value in, a value out."""

from __future__ import annotations

import pytest

from jobs.policies import Gone, Permanent, Retry, Transient, loss_delay


class SourceAway(Exception):
    """An error that a policy names."""


class SourceSlow(SourceAway):
    """A special case of it."""


POLICY = Retry(attempts=4, on=[SourceAway], first=10, longest=25)


@pytest.mark.covers(3)
@pytest.mark.parametrize(
    ("error", "failures", "delay"),
    [
        # Transient errors and those that the policy names come back later each time, up to the longest delay.
        (Transient(), 1, (5, 10)),
        (Transient(), 2, (10, 20)),
        (Transient(), 3, (12.5, 25)),
        (SourceAway(), 1, (5, 10)),
        (SourceSlow(), 1, (5, 10)),
        # The other side says when.
        (Transient(retry_after=90), 1, (90, 90)),
        (Transient(retry_after=0), 3, (0, 0)),
        # The last attempt has failed.
        (Transient(), 4, None),
        (Transient(retry_after=1), 4, None),
        (SourceAway(), 7, None),
        # Nothing mends these, and nobody said so of those.
        (Permanent(), 1, None),
        (ValueError(), 1, None),
        (ConnectionError(), 1, None),
        (Gone(), 1, None),
        (KeyboardInterrupt(), 1, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_a_failure_is_followed_by_a_delay_or_by_death(
    error: BaseException, failures: int, delay: tuple[float, float] | None
) -> None:
    for _ in range(50):
        decided = POLICY.delay(error, failures)
        if delay is None:
            assert decided is None
        else:
            assert decided is not None
            assert delay[0] <= decided <= delay[1]


@pytest.mark.covers(51)
def test_by_default_only_what_its_author_called_transient_is_tried_again() -> None:
    assert Retry().delay(Transient(), 1) is not None
    assert Retry().delay(OSError(), 1) is None


def test_one_attempt_means_one_attempt() -> None:
    assert Retry(attempts=1).delay(Transient(), 1) is None


def test_jobs_that_failed_together_do_not_return_together() -> None:
    delays = {POLICY.delay(Transient(), 1) for _ in range(100)}
    assert len(delays) > 90


def test_a_lost_job_returns_at_once_unless_its_neighbours_were_lost_too() -> None:
    assert loss_delay(1, with_neighbours=False) == 0
    delays = [loss_delay(2, with_neighbours=True) for _ in range(100)]
    assert all(0 <= delay <= 10 for delay in delays)
    assert len(set(delays)) > 90
