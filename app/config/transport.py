"""kombu's Redis transport with four mends.

kombu 5.7 makes a new client for every command or pipeline, a fifth of the CPU time that a worker spends in its main
process on a small task. Here a channel keeps one. And it tells of an acknowledgement with the next message (QoS).

When Redis goes away while a task runs, kombu 5.7 goes on using the channel of the lost connection: to give messages
back, and later to acknowledge the task. That channel looks for its server's address in a connection that has none any
more, and the AttributeError ends the worker. Raised as a lost connection, Celery knows what to do with it.

What is in a queue is whatever somebody pushed. kombu 5.7 takes it for a message as kombu writes them, and an error on
the way ends the worker, with the message gone. Here it becomes a message that `unreadable` tells of.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import time
from types import NoneType
from typing import Any, ClassVar
from uuid import uuid4

from django.conf import settings
from kombu import transport
from kombu.asynchronous import get_event_loop
from kombu.transport import redis, virtual
from kombu.utils.json import dumps, loads
from redis.exceptions import ConnectionError as ConnectionLost

from . import signatures

log = logging.getLogger(__name__)

# Seconds that Redis may take an acknowledged message for one in flight.
ACK_PATIENCE = 0.01


class Message(virtual.Message):
    """What came out of a queue. One that is `unreadable` has no headers and no body, and can be rejected."""

    _raw: Any

    def __init__(self, payload: Any, channel: Any = None, **options: Any) -> None:
        """Read a payload: a mapping as kombu writes it, or anything else."""
        self.unreadable = ""
        try:
            if not isinstance(payload, dict):
                raise TypeError("it is no JSON object")
            super().__init__(payload, channel=channel, **options)
            _check(self)
        except Exception as error:
            # Whatever it is: the alternative is a worker that ends.
            self.unreadable = f"{type(error).__name__}: {error}"
            delivery = {"delivery_tag": str(uuid4()), "delivery_info": {"exchange": "", "routing_key": ""}}
            super().__init__({"properties": delivery}, channel=channel)
            self._raw = payload

    @property
    def raw(self) -> Any:
        """What stood in the queue, read as JSON; as text if it is none."""
        return self._raw

    @property
    def text(self) -> str:
        """As it stood in the queue."""
        return self._raw if isinstance(self._raw, str) else json.dumps(self._raw)


def _check(message: Message) -> None:
    """Raise for what kombu and Celery look at too late to reject it."""
    found = {"delivery_tag": message.delivery_tag, **{name: message.delivery_info[name] for name in ADDRESS}}
    for name, value in found.items():
        if not isinstance(value, str):
            raise TypeError(f"its {name} is of type {type(value).__name__}; it must be a string")
    if not isinstance(message.headers, dict):
        raise TypeError(f"its headers are of type {type(message.headers).__name__}; they must be an object")
    for limit in message.headers.get("timelimit") or ():
        if not isinstance(limit, (int, float, NoneType)):
            raise TypeError(f"its timelimit has a {type(limit).__name__}; it must have numbers or null")


ADDRESS = ("exchange", "routing_key")


def _load(text: str) -> Any:
    """The payload, or the text itself if it is none."""
    try:
        return loads(text)
    except Exception:
        return text


class QoS(redis.QoS):
    """Tells Redis of acknowledgements together with the next message that is taken, or ACK_PATIENCE later.

    kombu sends each at once and waits for the answer, a round trip in which a child has nothing to do. A worker that is
    killed before it told leaves entries in flight, as one does that is killed before an acknowledgement.
    """

    channel: Channel
    # Tags that Redis has not been told of. The class's: they outlive a connection that breaks.
    untold: ClassVar[list[str]] = []

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._timer: Any = None

    def append(self, message: Message, delivery_tag: str) -> None:
        """Note down a message that was taken."""
        delivery = message.delivery_info
        self._tell({delivery_tag: dumps([message.raw, delivery["exchange"], delivery["routing_key"]])})
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """The message was dealt with; its place is free at once."""
        virtual.QoS.ack(self, delivery_tag)
        self.untold.append(delivery_tag)
        self._tell_soon()

    def restore_visible(self, *arguments: Any, **options: Any) -> None:
        """Every few seconds over a connection that lives: tell what another one did not."""
        self._try_to_tell()
        super().restore_visible(*arguments, **options)

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """At the channel's end, give back what is left."""
        self._try_to_tell()
        super().restore_unacked_once(stderr)

    def _tell_soon(self) -> None:
        """By the event loop, if there is one."""
        hub = get_event_loop()
        if hub is None:
            self._try_to_tell()
        elif self._timer is None:
            self._timer = hub.call_later(ACK_PATIENCE, self._try_to_tell)

    def _try_to_tell(self) -> None:
        """What fails is told again with the next message, or by `restore_visible`."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        try:
            self._tell({})
        except self.channel.connection_errors as error:
            log.warning("Redis was not told of %d acknowledgements: %s", len(self.untold), error)

    def _tell(self, taken: dict[str, str]) -> None:
        """Send all acknowledgements, and the entries of messages that were taken by their tags, in one round trip."""
        told = len(self.untold)
        if not (told or taken):
            return
        with self.channel.conn_or_acquire() as client:
            pipe = client.pipeline(transaction=False)
            if told:
                pipe.hdel(self.unacked_key, *self.untold).zrem(self.unacked_index_key, *self.untold)
            for tag, entry in taken.items():
                # The index first: without its message a tag there does no harm.
                pipe.zadd(self.unacked_index_key, {tag: time()}).hset(self.unacked_key, tag, entry)
            pipe.execute()
        del self.untold[:told]


class Channel(redis.Channel):
    """A channel that keeps its client, and says so when its connection is closed."""

    Message = Message
    QoS = QoS
    connection_errors: tuple[type[Exception], ...]
    _kept: Any = None

    @contextmanager
    def conn_or_acquire(self, client: Any = None) -> Iterator[Any]:
        """The client given, or the channel's own: a client holds nothing but the pool of connections."""
        if client is None:
            if self._kept is None or self._kept.connection_pool is not self.pool:
                self._kept = self._create_client()  # type: ignore[attr-defined]
            client = self._kept
        yield client

    def _inplace_augment_message(self, message: Any, exchange: str | None, routing_key: str) -> None:
        """Sign a task's message, which is complete by now. Events and remote control are not signed."""
        super()._inplace_augment_message(message, exchange, routing_key)
        if settings.MESSAGE_KEYS and "task" in message["headers"]:
            signatures.sign(message, settings.MESSAGE_KEYS[0])

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
    redis.loads = _load  # type: ignore[attr-defined]  # there is no method around this one call
    transport.TRANSPORT_ALIASES["rediss"] = "config.transport:Transport"
