"""kombu's Redis transport with two mends.

kombu 5.7 makes a new client for every command or pipeline, a fifth of the CPU time that a worker spends in its main
process on a small task. Here a channel keeps one.

When Redis goes away while a task runs, kombu 5.7 goes on using the channel of the lost connection: to give messages
back, and later to acknowledge the task. That channel looks for its server's address in a connection that has none any
more, and the AttributeError ends the worker. Raised as a lost connection, Celery knows what to do with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu import transport
from kombu.transport import redis
from redis.exceptions import ConnectionError as ConnectionLost


class Channel(redis.Channel):
    """A channel that keeps its client, and says so when its connection is closed."""

    _kept: Any = None

    @contextmanager
    def conn_or_acquire(self, client: Any = None) -> Iterator[Any]:
        """The client given, or the channel's own: a client holds nothing but the pool of connections."""
        if client is None:
            if self._kept is None or self._kept.connection_pool is not self.pool:
                self._kept = self._create_client()  # type: ignore[attr-defined]
            client = self._kept
        yield client

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        if self.connection.client is None:
            raise ConnectionLost("the connection that this channel belonged to is closed")
        parameters: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]
        return parameters


class Transport(redis.Transport):
    """What `rediss://` stands for."""

    Channel = Channel


def install() -> None:
    """Make it the transport of `rediss://`."""
    transport.TRANSPORT_ALIASES["rediss"] = "config.transport:Transport"
