"""The thread in each worker's main process that tells the liveness probe whether a restart would mend anything.

It looks from outside at what Celery's event loop does, because the loop's own timers stand still while Redis is away
and while the worker drains, when a restart would only do harm. It never waits for Redis or PostgreSQL. A frozen process
needs no verdict: its file grows old by itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import structlog
from celery.bootsteps import CLOSE, TERMINATE  # type: ignore[attr-defined]

from . import lifesigns

log = structlog.get_logger(__name__)

# Seconds between looks.
LOOK = 5.0


class Symptom(StrEnum):
    """What can be wrong with a worker, in words that follow "for 61 s:"."""

    LOOP = "the event loop does not turn"
    CONSUMER = "no message is asked for, though there is room for one"
    BROKER = "the broker cannot be reached"
    STUCK = "every running attempt is past its hard limit, and threads cannot be killed"

    @property
    def patience(self) -> float:
        """Seconds after which a restart may mend it."""
        return {Symptom.BROKER: 15 * 60.0, Symptom.STUCK: 0.0}.get(self, 60.0)


class Vitals:
    """Remembers since when each symptom has been there without a break."""

    def __init__(self) -> None:
        self._since: dict[Symptom, float] = {}
        self._seen_at: float | None = None

    def judge(self, present: set[Symptom], now: float) -> str | None:
        """The fault for which the worker is to be restarted, if any. `now` is in monotonic seconds.

        A long gap since the last call means that the process itself stood still: it gets a new start.
        """
        if self._seen_at is not None and now - self._seen_at > 4 * LOOK:
            self._since.clear()
        self._seen_at = now
        self._since = {symptom: self._since.get(symptom, now) for symptom in present}
        lasting = {symptom: now - since for symptom, since in self._since.items()}
        faults = [f"for {seconds:.0f} s: {one}" for one, seconds in lasting.items() if seconds >= one.patience]
        return "; ".join(sorted(faults)) or None


class Pulse(threading.Thread):
    """One per worker process, from the fork of its first children to its end. `is_stuck` asks the guard."""

    def __init__(self, worker: Any, is_stuck: Callable[[], bool]) -> None:
        super().__init__(name="pulse", daemon=True)
        self.worker = worker
        self.is_stuck = is_stuck
        self.vitals = Vitals()
        self._answered = True
        self._asked_broker_at: float | None = None

    def run(self) -> None:
        while True:
            try:
                self._beat()
            except Exception:
                # The consumer changes while it is looked at. What fails again and again lets the file grow old.
                log.exception("the worker's state could not be read")
            time.sleep(LOOK)

    def _beat(self) -> None:
        fault = self.vitals.judge(self._symptoms(), time.monotonic())
        if fault:
            log.error("this worker should be restarted", fault=fault)
            lifesigns.withdraw(lifesigns.WORKER, fault)
        else:
            lifesigns.show(lifesigns.WORKER)

    def _symptoms(self) -> set[Symptom]:
        if self.is_stuck():
            return {Symptom.STUCK}
        consumer = getattr(self.worker, "consumer", None)
        if consumer is None or consumer.blueprint.state in (CLOSE, TERMINATE):
            # Starting, or draining: the guard and the pod's grace period set the end of that.
            return set()
        if consumer.connection is None:
            return {Symptom.BROKER}
        found = set()
        if not self._turns(consumer):
            found.add(Symptom.LOOP)
        if not self._consumes(consumer):
            found.add(Symptom.CONSUMER)
        return found

    def _turns(self, consumer: Any) -> bool:
        """Whether the loop has answered what it was asked at the last look; asks again."""
        answered, self._answered = self._answered, False
        consumer.call_soon(self._answer)
        return answered

    def _answer(self) -> None:
        self._answered = True

    def _consumes(self, consumer: Any) -> bool:
        """Whether Redis was asked for a message since the last look, if one can be taken."""
        channel = consumer.task_consumer and consumer.task_consumer.channel
        asked_at = getattr(channel, "_brpop_sent_at", None)
        before, self._asked_broker_at = self._asked_broker_at, asked_at
        if asked_at is None or not channel.active_queues or not channel.qos.can_consume():
            return True
        return bool(asked_at != before)
