"""What a worker's main process does with a message's end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from billiard.einfo import ExceptionInfo, ExceptionWithTraceback  # type: ignore[attr-defined]
from billiard.exceptions import Terminated
from celery import signals
from celery.exceptions import Ignore, Reject, Retry
from celery.worker.request import Request
from django.conf import settings

from .celery import JOB_TASK
from .memory import OutOfMemory
from .metrics import TASK_RUN, TASKS, add, observe


class Delivery(Request):
    """A message on its way through a worker. Here, in the main process, its end is counted."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Celery makes a subclass for each task, with an `on_success` of its own that calls none of ours."""
        super().__init_subclass__(**options)
        if "on_success" in cls.__dict__:
            cls.on_success = _noting_success(cls.on_success)  # type: ignore[method-assign]

    def succeeded(self, returned: str, seconds: float) -> None:
        """The task's body returned what has this `repr`."""
        self.count("succeeded")

    def count(self, end: str) -> None:
        """Count the end of a plain task."""
        queue = str(settings.WORKER_QUEUE)
        add(TASKS, 1, queue, self.name, end)
        if self.time_start:
            observe(TASK_RUN, time.time() - self.time_start, queue, self.name)

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        """Take a MemoryError for a failure of its task: Celery would stop the worker.

        `memory.Task` lets none out of a body; this is one from around it, such as `on_success`.
        """
        if isinstance(error_of(exc_info), MemoryError):
            try:
                raise OutOfMemory(f"{self.name} ran out of memory beside its body")
            except OutOfMemory:
                exc_info = ExceptionInfo()
        self.failed(error_of(exc_info))
        return super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)

    def failed(self, error: BaseException) -> None:
        """The task raised, or its process is gone. What was terminated is counted as revoked, by its signal."""
        if not isinstance(error, Terminated):
            self.count(ENDS.get(type(error), "failed"))


ENDS = {Retry: "retried", Ignore: "rejected", Reject: "rejected"}


def _noting_success(on_success: Callable[..., Any]) -> Callable[..., Any]:
    def note(self: Delivery, failed__retval__runtime: tuple[bool, Any, float], **options: Any) -> Any:
        failed, returned, seconds = failed__retval__runtime
        if not failed:
            self.succeeded(returned, seconds)
        return on_success(self, failed__retval__runtime, **options)

    return note


@signals.task_revoked.connect
def count_revoked(sender: Any, **_: Any) -> None:
    """A plain task was terminated by remote control, or came too late to start."""
    if sender.name != JOB_TASK:
        add(TASKS, 1, str(settings.WORKER_QUEUE), sender.name, "revoked")


@signals.task_rejected.connect
def count_rejected(message: Any, exc: Exception | None, **_: Any) -> None:
    """A message that cannot be read; one that names no task at all has no error."""
    name = message.headers["task"] if exc else None
    if name and name != JOB_TASK:
        add(TASKS, 1, str(settings.WORKER_QUEUE), name, "rejected")


def error_of(exc_info: Any) -> BaseException:
    """What a child raised, without the wrapping in which it travelled."""
    error: BaseException = exc_info.exception
    return error.exc if isinstance(error, ExceptionWithTraceback) else error
