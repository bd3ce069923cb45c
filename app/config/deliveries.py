"""What a worker's main process does with a message's end."""

from __future__ import annotations

from typing import Any

from billiard.einfo import ExceptionInfo, ExceptionWithTraceback  # type: ignore[attr-defined]
from celery.worker.request import Request

from .memory import OutOfMemory


class Delivery(Request):
    """A message on its way through a worker."""

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        """Take a MemoryError for a failure of its task: Celery would stop the worker.

        `memory.Task` lets none out of a body; this is one from around it, such as `on_success`.
        """
        if isinstance(error_of(exc_info), MemoryError):
            try:
                raise OutOfMemory(f"{self.name} ran out of memory beside its body")
            except OutOfMemory:
                exc_info = ExceptionInfo()
        return super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)


def error_of(exc_info: Any) -> BaseException:
    """What a child raised, without the wrapping in which it travelled."""
    error: BaseException = exc_info.exception
    return error.exc if isinstance(error, ExceptionWithTraceback) else error
