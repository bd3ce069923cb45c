"""Celery's consumer, which a message that nobody can read does not end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from celery import signals
from celery.worker import consumer, state
from django.conf import settings
from kombu import Connection

from . import signatures
from .transport import Message

log = logging.getLogger(__name__)

# Seconds between two tries to reach the broker, at most. Celery's own way is up to 30.
RETRY_AFTER = 5


class Consumer(consumer.Consumer):
    """Takes messages. What cannot be read is rejected, logged and told to `task_rejected` without an error."""

    connection_errors: tuple[type[Exception], ...]  # the stubs do not know it

    def ensure_connected(self, conn: Connection) -> Connection:
        """Try until the broker answers: a broker that was away for minutes has its workers back within seconds."""
        conn.ensure_connection = partial(conn.ensure_connection, interval_max=RETRY_AFTER)  # type: ignore[method-assign]
        return super().ensure_connected(conn)

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Message], Any]:
        handle = super().create_task_handler(*args, **options)

        def on_task_received(message: Message) -> Any:
            try:
                if fault := message.unreadable or _fault_of_signature(message):
                    return self.refuse(message, fault)
                return handle(message)
            except Exception as error:
                if self._was_read(message) or self._broke(error):
                    raise
                return self.refuse(message, f"{type(error).__name__}: {error}")

        return on_task_received

    def on_decode_error(self, message: Message, exc: Exception) -> None:
        """Celery would throw it away."""
        self.refuse(message, f"{type(exc).__name__}: {exc}")

    @staticmethod
    def _was_read(message: Message) -> bool:
        """A request was made of it: what fails then is the worker."""
        return any(request.message is message for request in state.reserved_requests)

    def _broke(self, error: Exception) -> bool:
        """The connection did. kombu counts every KeyError as that, and a message can lack any key."""
        return isinstance(error, self.connection_errors) and not isinstance(error, KeyError)

    def refuse(self, message: Message, reason: str) -> None:
        """Take the message out of flight, for good. What stands in it is nothing for logs."""
        log.error("a message cannot be read: %s", reason)
        if not message.acknowledged:
            message.reject_log_error(log, self.connection_errors)
        signals.task_rejected.send(sender=self, message=message, exc=None)


def _fault_of_signature(message: Message) -> str:
    keys: list[signatures.Key] = settings.MESSAGE_KEYS
    return signatures.fault_of(message.raw, keys, required=settings.MESSAGE_SIGNATURE_REQUIRED) if keys else ""
