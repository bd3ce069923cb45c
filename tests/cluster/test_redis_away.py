"""Ten minutes without Redis, which no restart would mend. They pass while the other tests run."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.cluster.alerts import REDIS_AWAY
from tests.cluster.away import Away
from tests.cluster.prometheus import Prometheus
from tests.cluster.stack import done_exactly_once

# Seconds within which the alert stops.
STOPS = 180


@dataclass(frozen=True)
class Absence:
    """What was seen when Redis had been away for ten minutes, and when it came back."""

    restarts: dict[str, int]
    firing: set[str]
    batch: str
    back_at: float


@pytest.fixture(scope="module")
def absence(away: Away, prometheus: Prometheus) -> Absence:
    """Redis has been away for ten minutes, a job was asked for on each queue, and Redis is back."""
    away.wait_out()
    batch = away.enqueue()
    restarts, firing = away.stack.kube.restarts(), set(prometheus.firing(away.NAMESPACE))
    return Absence(restarts, firing, batch, away.bring_back())


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


@pytest.mark.covers(44)
def test_redis_away_raised_an_alert_that_stops_with_its_return(
    away: Away, absence: Absence, prometheus: Prometheus
) -> None:
    assert REDIS_AWAY in absence.firing, absence.firing
    prometheus.wait_silent(away.NAMESPACE, REDIS_AWAY, STOPS)
