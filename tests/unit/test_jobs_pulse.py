"""When a worker's pulse says that a restart would mend something. Times are invented; nothing runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from celery.bootsteps import CLOSE, RUN

from jobs.pulse import LOOK, Pulse, Symptom, Vitals


def judge(present: set[Symptom], seconds: float, vitals: Vitals | None = None) -> str | None:
    """The verdict after looking for so many seconds, with the same symptoms at every look."""
    vitals, now, verdict = vitals or Vitals(), 0.0, None
    while now <= seconds:
        verdict = vitals.judge(present, now)
        now += LOOK
    return verdict


class Channel:
    """What the pulse reads of kombu's channel."""

    def __init__(self) -> None:
        self.active_queues = {"io"}
        self.room = True
        self._brpop_sent_at: float | None = 1.0
        self.qos = SimpleNamespace(can_consume=lambda: self.room)


def worker(channel: Channel | None = None, *, state: int = RUN, connected: bool = True, turns: bool = True) -> Any:
    """A worker as the pulse sees it."""
    consumer = SimpleNamespace(
        blueprint=SimpleNamespace(state=state),
        connection=object() if connected else None,
        task_consumer=SimpleNamespace(channel=channel) if channel else None,
        call_soon=lambda answer: answer() if turns else None,
    )
    return SimpleNamespace(consumer=consumer)


def symptoms(worker: Any, *, looks: int = 2, stuck: bool = False) -> set[Symptom]:
    pulse = Pulse(worker, lambda: stuck)
    for _ in range(looks):
        found = pulse._symptoms()
    return found


@pytest.mark.parametrize("symptom", [Symptom.LOOP, Symptom.CONSUMER])
def test_a_standstill_of_a_minute_is_a_fault(symptom: Symptom) -> None:
    assert judge({symptom}, 55) is None
    assert judge({symptom}, 60) == f"for 60 s: {symptom}"


@pytest.mark.covers(75)
def test_ten_minutes_without_a_broker_are_no_fault() -> None:
    assert judge({Symptom.BROKER}, 600) is None
    assert judge({Symptom.BROKER}, 900) == f"for 900 s: {Symptom.BROKER}"


def test_attempts_that_cannot_be_killed_are_a_fault_at_once() -> None:
    assert judge({Symptom.STUCK}, 0) == f"for 0 s: {Symptom.STUCK}"


def test_a_symptom_that_went_away_begins_anew() -> None:
    vitals = Vitals()
    judge({Symptom.LOOP}, 55, vitals)
    vitals.judge(set(), 60)
    assert vitals.judge({Symptom.LOOP}, 65) is None


def test_a_thawed_process_gets_a_new_start() -> None:
    vitals = Vitals()
    vitals.judge({Symptom.LOOP}, 0)
    assert vitals.judge({Symptom.LOOP}, 600) is None


def test_an_idle_worker_has_no_symptoms() -> None:
    channel = Channel()
    pulse = Pulse(worker(channel), lambda: False)
    for second in range(3):
        channel._brpop_sent_at = float(second)
        assert pulse._symptoms() == set()


def test_a_loop_that_does_not_answer_is_a_symptom() -> None:
    assert symptoms(worker(turns=False), looks=1) == set()
    assert symptoms(worker(turns=False)) == {Symptom.LOOP}


def test_a_consumer_that_asks_for_nothing_is_a_symptom() -> None:
    assert symptoms(worker(Channel())) == {Symptom.CONSUMER}


def test_a_busy_consumer_need_not_ask() -> None:
    busy = Channel()
    busy.room = False
    assert symptoms(worker(busy)) == set()


def test_a_consumer_that_was_told_to_stop_need_not_ask() -> None:
    cancelled = Channel()
    cancelled.active_queues = set()
    assert symptoms(worker(cancelled)) == set()


def test_a_worker_that_reconnects_has_no_other_symptom() -> None:
    assert symptoms(worker(Channel(), connected=False, turns=False)) == {Symptom.BROKER}


def test_a_draining_worker_has_no_symptoms() -> None:
    assert symptoms(worker(Channel(), state=CLOSE, turns=False)) == set()


def test_a_worker_that_has_no_consumer_yet_has_no_symptoms() -> None:
    assert symptoms(SimpleNamespace()) == set()


def test_being_stuck_is_asked_of_the_guard() -> None:
    assert symptoms(worker(Channel()), stuck=True) == {Symptom.STUCK}
