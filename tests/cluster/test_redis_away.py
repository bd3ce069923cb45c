"""Ten minutes without Redis, which no restart would mend. They pass while the other tests run."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.cluster.away import Away
from tests.cluster.stack import done_exactly_once


@dataclass(frozen=True)
class Absence:
    restarts: dict[str, int]
    batch: str
    back_at: float


@pytest.fixture(scope="module")
def absence(away: Away) -> Absence:
    """Redis has been away for ten minutes, a job was asked for on each queue, and Redis is back."""
    away.wait_out()
    batch = away.enqueue()
    restarts = away.stack.kube.restarts()
    return Absence(restarts, batch, away.bring_back())


@pytest.mark.covers(75)
def test_ten_minutes_without_redis_restart_nothing(away: Away, absence: Absence) -> None:
    left = {name: count for name, count in away.before.items() if "-redis-" not in name}
    assert len(left) >= 6
    assert absence.restarts == left


@pytest.mark.covers(75)
def test_work_goes_on_within_60_seconds_of_its_return(away: Away, absence: Absence) -> None:
    ended_at = away.stack.wait_ended(absence.batch, 2, within=75)
    assert ended_at - absence.back_at <= 60
    done_exactly_once(away.stack.traces(absence.batch), 2)
    assert away.stack.kube.restarts().items() >= absence.restarts.items()
