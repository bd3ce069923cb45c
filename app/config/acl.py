"""What each role may do in Redis: one ACL user per role, nothing for anybody else.

The local stack writes its user file from this; the chart's copy is held equal by a guard test. The rules suit Redis
7.0 and 8 alike (`+@connection` covers `CLIENT SETINFO`, which 7.0 does not know by name).
"""

from __future__ import annotations

import hashlib

from .queues import Queue

_LISTS = tuple(f"~{queue}" for queue in Queue)
_SENDING = ("+lpush", "+llen", "+lindex", "+hlen", "+multi", "+exec")

# Asks workers by remote control and hears their events. It looks for redelivery under Celery's own names, where nothing
# of ours is.
_WATCHING = (
    *(f"%R{pattern}" for pattern in _LISTS),
    "~unacked",
    "~unacked_index",
    "~unacked_mutex",
    "~_kombu.binding*",
    "~*.celery.pidbox",
    "~celeryev.*",
    "&*",
    "+@connection",
    *("+llen", "+brpop", "+del", "+multi", "+exec", "+set", "+get", "+sadd", "+srem", "+smembers"),
    # An older kombu, as in the exporter's image, looks for messages to give back from the other end.
    *("+zadd", "+zrange", "+zrangebyscore", "+zrevrangebyscore", "+time", "+evalsha", "+script|load"),
    *("+script|exists", "+publish", "+psubscribe", "+punsubscribe"),
)

ROLES: dict[str, tuple[str, ...]] = {
    # Web and beat send, and look at how much waits.
    "web": (*_LISTS, "%R~unacked:*", "+@connection", *_SENDING),
    "beat": (*_LISTS, "+@connection", *_SENDING),
    # The relay also looks at the oldest messages, takes dead entries out of the in-flight hash, sends messages of tasks
    # that were unknown again, and tells Prometheus how Redis is.
    "relay": (
        *_LISTS,
        "~unacked:*",
        "~unacked_index:*",
        "~unknown:*",
        "+@connection",
        *_SENDING,
        *("+info", "+lmove"),
        *("+lrange", "+hvals", "+hmget", "+hdel", "+zrange", "+zcard", "+zrem"),
    ),
    # Workers take and give back; pidbox is Celery's remote control.
    "worker": (
        *_LISTS,
        "~unacked:*",
        "~unacked_index:*",
        "~unacked_mutex:*",
        "~unknown:*",
        "~_kombu.binding*",
        "~*.celery.pidbox",
        "&*",
        "+@connection",
        *_SENDING,
        *("+ltrim", "+brpop", "+rpop", "+rpush", "+del", "+exists", "+expire", "+pexpire"),
        *("+hset", "+hget", "+hdel", "+zadd", "+zrem", "+zrange", "+zrangebyscore", "+zcard", "+zcount"),
        *("+sadd", "+srem", "+smembers", "+sismember", "+set", "+get"),
        *("+discard", "+watch", "+unwatch", "+eval", "+evalsha", "+script|load", "+script|exists"),
        *("+time", "+publish", "+subscribe", "+unsubscribe", "+psubscribe", "+punsubscribe"),
    ),
    # KEDA's scaler runs a small script that looks at a key's type and length. EVAL wants the right to write its keys,
    # whatever the script does; without a command that writes it still cannot.
    "keda": (
        *_LISTS,
        "~unacked:*",
        "+@connection",
        *("+eval", "+type", "+llen", "+hlen", "+zcard", "+scard"),
    ),
    "flower": _WATCHING,
    "exporter": _WATCHING,
    # An operator with redis-cli.
    "admin": ("~*", "&*", "+@all"),
}


# `default` is off: nobody can log in as it, and who has not logged in may do nothing. But Redis reads its append-only
# file as this user, and leaves out every transaction with something that the user may not do: messages that were given
# back, or set aside, would be lost with a restart (redis/redis#14541).
NOBODY = "off resetpass allkeys allchannels allcommands"


def users_file(passwords: dict[str, str]) -> str:
    """The text of Redis' `aclfile`: a line for each role in `passwords`, and nobody else.

    A password may be any text without a line break; it is written as its SHA-256.
    """
    lines = [f"user default {NOBODY}"]
    for role, password in passwords.items():
        digest = hashlib.sha256(password.encode()).hexdigest()
        lines.append(f"user {role} on #{digest} resetkeys resetchannels -@all {' '.join(ROLES[role])}")
    return "\n".join(lines) + "\n"
