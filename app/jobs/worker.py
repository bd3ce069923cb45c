"""What the engine adds to a worker's main process: its name, its guard, and what the guard is told."""

from __future__ import annotations

import ast
import os
import socket
from typing import Any
from uuid import uuid4

import structlog
from celery import bootsteps, signals
from celery.exceptions import WorkerLostError
from celery.worker import state as celery_state
from django.conf import settings

from config import exposition, metrics
from config.celery import app
from config.deliveries import Delivery, error_of
from config.memory import OutOfMemory

from . import broker, lifesigns
from .guard import Ended, Guard
from .instance import INSTANCE_VARIABLE, instance, lane
from .metrics import BUSY, SLOTS
from .pulse import Pulse
from .states import Reason

log = structlog.get_logger(__name__)

_guard: Guard | None = None


class JobRequest(Delivery):
    """A delivery of the engine's task. Tells the guard of an attempt that ended without saying so in its row."""

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        error = error_of(exc_info)
        # A service that ends its process comes as what it raised; Celery makes a lost worker of it later.
        if isinstance(error, (WorkerLostError, SystemExit, KeyboardInterrupt)):
            self._report(Reason.LOST)
        elif isinstance(error, (MemoryError, OutOfMemory)):
            self._report(Reason.MEMORY)
        return super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)

    def on_timeout(self, soft: bool, timeout: float) -> Any:
        if not soft:
            self._report(Reason.TIMEOUT)
        return super().on_timeout(soft, timeout)

    def succeeded(self, returned: str, seconds: float) -> None:
        """The row says how the attempt ended; what comes back are the numbers that its child has counted."""
        if (posted := ast.literal_eval(returned)) is not None:
            metrics.take_in(posted)

    def count(self, end: str) -> None:
        """Attempts are counted by whoever writes them down."""

    def _report(self, reason: Reason) -> None:
        if _guard:
            _guard.report(
                Ended(message_id=self.id, pid=int(self.worker_pid) if self.worker_pid else None, reason=reason)
            )


class PulseStep(bootsteps.StartStopStep):
    """Starts the pulse after the first children are forked and before the broker is waited for."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        Pulse(parent, lambda: _guard is not None and _guard.stuck).start()


class MetricsStep(bootsteps.StartStopStep):
    """Answers Prometheus, from when the first children are forked, also while the broker is waited for."""

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        SLOTS.labels(str(settings.WORKER_QUEUE)).set(lane().concurrency)
        BUSY.labels(str(settings.WORKER_QUEUE)).set_function(lambda: len(celery_state.active_requests))
        exposition.serve(metrics.WORKER)


app.steps["worker"].update({PulseStep, MetricsStep})


@signals.worker_process_init.connect
def count_by_way_of_the_main_process(**_: Any) -> None:
    """In each prefork child, also one that follows another later."""
    exposition.leave()
    metrics.use_outbox()


@signals.task_unknown.connect
@signals.task_rejected.connect
def keep_unknown(message: Any, exc: Exception | None, **_: Any) -> None:
    """A message that names no task of this version, or cannot be read: it is off the queue, and nobody else has it."""
    queue = str(settings.WORKER_QUEUE)
    try:
        broker.keep_unknown(queue, message.text)
    except broker.BrokerError as error:
        log.error("a message that is of no use here could not be kept", error=str(error))
    metrics.add(metrics.UNKNOWN, 1, queue)


@signals.worker_init.connect
def name_worker(**_: Any) -> None:
    """Before the children are forked."""
    lifesigns.begin()
    os.environ[INSTANCE_VARIABLE] = f"{settings.WORKER_QUEUE}@{socket.gethostname()}/{uuid4().hex[:12]}"


@signals.worker_ready.connect
def start_guard(sender: Any, **_: Any) -> None:
    """After the first children are forked, so that they share no lock with it."""
    global _guard
    lifesigns.show(lifesigns.READY)
    if _guard is None:
        _guard = Guard(instance(), lane(), sender)
        _guard.start()


@signals.worker_shutting_down.connect
def begin_drain(how: str, **_: Any) -> None:
    """Called in the signal handler: only takes the time."""
    if _guard and how == "Warm":
        _guard.drain()
