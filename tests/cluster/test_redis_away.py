"""Ten minutes without Redis, which no restart would mend. They pass while the other tests run."""

from __future__ import annotations

import pytest

from tests.cluster.alerts import REDIS_AWAY
from tests.cluster.away import Away
from tests.cluster.prometheus import Prometheus
from tests.cluster.stack import done_exactly_once

# Seconds within which the alert stops.
STOPS = 180


@pytest.mark.covers(75)
def test_ten_minutes_without_redis_restart_nothing(away: Away) -> None:
    absence = away.absence()
    left = {name: count for name, count in absence.before.items() if "-redis-" not in name}
    assert len(left) >= 6
    assert absence.after == left


@pytest.mark.covers(75)
def test_work_goes_on_within_60_seconds_of_its_return(away: Away) -> None:
    absence = away.absence()
    ended_at = away.stack.wait_ended(absence.batch, 2, within=75)
    assert ended_at - absence.back_at <= 60
    done_exactly_once(away.stack.traces(absence.batch), 2)
    assert away.stack.kube.restarts().items() >= absence.after.items()


@pytest.mark.covers(44)
def test_redis_away_raised_an_alert_that_stops_with_its_return(away: Away, prometheus: Prometheus) -> None:
    assert REDIS_AWAY in away.absence().firing
    prometheus.wait_silent(away.NAMESPACE, REDIS_AWAY, STOPS)
