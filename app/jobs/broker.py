"""Redis, as the engine sees it: a client, what waits, what is in flight. Only `dispatch` publishes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

from config.celery import JOB_TASK

# So many of the oldest waiting messages are read to tell how old a message in the list can be.
OLDEST_READ = 200

# Of each queue's messages that name no known task.
UNKNOWN_KEPT = 1_000

BrokerError = (RedisError, OSError)


@dataclass(frozen=True)
class Message:
    """What the engine needs to know of a message."""

    task: str
    id: str
    enqueued_at: float | None

    @property
    def job_id(self) -> UUID | None:
        """The job's id, if the message is the engine's."""
        try:
            return UUID(self.id.partition(".")[0]) if self.task == JOB_TASK else None
        except ValueError:
            return None


@dataclass(frozen=True)
class Entry:
    """A message in flight: taken by a worker and not acknowledged. `received_at` is by the worker's clock."""

    tag: str
    received_at: float
    message: Message


@dataclass(frozen=True)
class Counts:
    """How much waits and is in flight; the oldest waiting message's time of publishing, in seconds since 1970."""

    ready: int
    in_flight: int
    oldest: float | None


@cache
def client() -> Any:
    """One connection pool per process, with short waits: whoever looks can look again, and a job's row waits better.

    A command is tried once more, for a connection that broke since the last one; not for one that is silent.

    Untyped: redis-py's annotations describe its bytes, str and asynchronous forms at once.
    """
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    return Redis.from_url(
        settings.CELERY_BROKER_URL,
        **settings.CELERY_BROKER_USE_SSL,
        socket_timeout=2,
        socket_connect_timeout=1,
        socket_keepalive=True,
        retry=Retry(ConstantBackoff(0.1), 1, supported_errors=(RedisConnectionError,)),
        client_name=options["client_name"],
        decode_responses=True,
    )


def counts(queue: str) -> Counts:
    """Three reads in one round trip, whatever the queue's length."""
    pipe: Any = client().pipeline(transaction=False)
    pipe.llen(queue).hlen(f"unacked:{queue}").lindex(queue, -1)
    ready, in_flight, oldest = pipe.execute()
    return Counts(ready, in_flight, _message(oldest).enqueued_at if oldest else None)


def oldest_waiting(queue: str) -> list[Message]:
    """The oldest messages of the list, at most OLDEST_READ."""
    return [_message(text) for text in client().lrange(queue, -OLDEST_READ, -1)]


def in_flight(queue: str) -> list[Entry]:
    """Every message that a worker of the queue has taken and not acknowledged."""
    received = client().zrange(f"unacked_index:{queue}", 0, -1, withscores=True)
    if not received:
        return []
    texts = client().hmget(f"unacked:{queue}", [tag for tag, _ in received])
    return [
        Entry(tag, received_at, _message(text, envelope=True))
        for (tag, received_at), text in zip(received, texts, strict=True)
        if text
    ]


def remove(queue: str, tags: list[str]) -> None:
    """Take entries out of the in-flight hash. A late acknowledgement of one finds nothing, which is harmless."""
    pipe: Any = client().pipeline()
    pipe.zrem(f"unacked_index:{queue}", *tags).hdel(f"unacked:{queue}", *tags)
    pipe.execute()


def keep_unknown(queue: str, text: str) -> None:
    """Keep a message that no worker can do anything with, beside the UNKNOWN_KEPT newest of its kind."""
    pipe: Any = client().pipeline()
    pipe.lpush(f"unknown:{queue}", text).ltrim(f"unknown:{queue}", 0, UNKNOWN_KEPT - 1)
    pipe.execute()


def unknown(queue: str) -> list[Message]:
    """What was kept of the queue, oldest first."""
    return [_message(text) for text in client().lrange(f"unknown:{queue}", 0, -1)][::-1]


def send_unknown(queue: str) -> int:
    """Put what was kept back into the queue, oldest first: this version's workers may know it. Returns how many."""
    count = int(client().llen(f"unknown:{queue}"))
    for sent in range(count):
        if client().lmove(f"unknown:{queue}", queue, "RIGHT", "LEFT") is None:
            return sent
    return count


def _message(text: str, *, envelope: bool = False) -> Message:
    """Read a message, or kombu's in-flight envelope around one. What somebody else pushed may be anything."""
    try:
        raw = json.loads(text)
        headers = (raw[0] if envelope else raw)["headers"]
        return Message(str(headers["task"]), str(headers["id"]), headers.get("enqueued_at"))
    except (ValueError, LookupError, TypeError, AttributeError):
        return Message("", "", None)
