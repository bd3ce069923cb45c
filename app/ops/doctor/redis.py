"""Redis as this process reaches it: name, port, TLS, login, version, the rights of its role, and what it forgets."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from fnmatch import fnmatchcase as fnmatch
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from config.acl import ROLES
from config.queues import Queue
from ops.findings import Fault, Finding, Note, follow

from .sockets import TIMEOUT, Place

OLDEST_VERSION = (6, 2)
# Arguments with which each command can be tried: queued in a transaction that is never executed. `{q}` is a queue.
TRIALS = {
    "lpush": "{q} x",
    "llen": "{q}",
    "lindex": "{q} -1",
    "lrange": "{q} 0 0",
    "lmove": "unknown:{q} {q} RIGHT LEFT",
    "ltrim": "unknown:{q} 0 1",
    "info": "",
    "rpush": "{q} x",
    "rpop": "{q}",
    "brpop": "{q} 1",
    "hlen": "unacked:{q}",
    "hget": "unacked:{q} x",
    "hset": "unacked:{q} x x",
    "hdel": "unacked:{q} x",
    "hvals": "unacked:{q}",
    "hmget": "unacked:{q} x",
    "zadd": "unacked_index:{q} 1 x",
    "zrem": "unacked_index:{q} x",
    "zrange": "unacked_index:{q} 0 0",
    "zrangebyscore": "unacked_index:{q} 0 0",
    "zcard": "unacked_index:{q}",
    "zcount": "unacked_index:{q} 0 0",
    "set": "unacked_mutex:{q} x",
    "get": "unacked_mutex:{q}",
    "del": "unacked_mutex:{q}",
    "exists": "unacked_mutex:{q}",
    "expire": "unacked_mutex:{q} 1",
    "pexpire": "unacked_mutex:{q} 1",
    "eval": "return 0",
    "evalsha": "x 0",
    "sadd": "_kombu.binding.x x",
    "srem": "_kombu.binding.x x",
    "smembers": "_kombu.binding.x",
    "sismember": "_kombu.binding.x x",
    "publish": "x x",
    "time": "",
}


def place() -> Place:
    parts = urlsplit(settings.CELERY_BROKER_URL)
    return Place(parts.hostname or "", parts.port or 6379, "REDIS_URL")


def user() -> str:
    """The ACL user that this process logs in as."""
    return unquote(urlsplit(settings.CELERY_BROKER_URL).username or "default")


def findings(role: str) -> Iterator[Finding]:
    yield from follow(
        [
            ("redis name", place().resolve),
            ("redis port", place().connect),
            ("redis tls", lambda: place().handshake(_context(), "REDIS_CA_PATH")),
            ("redis login", log_in),
            ("redis version", check_version),
            ("redis rights", lambda: check_rights(role)),
            ("redis memory", check_memory),
        ]
    )


def certificate() -> dict[str, Any] | None:
    """What the server shows of itself. Raises Fault."""
    return place().shown(_context(), "REDIS_CA_PATH")[1]


def client() -> Any:
    """Connections as the application makes them; nothing is tried twice. Untyped like `jobs.broker.client`."""
    return Redis.from_url(
        settings.CELERY_BROKER_URL,
        **settings.CELERY_BROKER_USE_SSL,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        decode_responses=True,
        retry=None,
    )


def log_in() -> str:
    try:
        with client() as redis:
            redis.ping()
    except AuthenticationError as error:
        mend = "compare REDIS_USERNAME and REDIS_PASSWORD with Redis' user file"
        raise Fault(f"Redis refuses the user {user()!r} with this password ({error})", mend) from None
    except RedisError as error:
        raise Fault(f"Redis does not answer a ping ({error})", "look at its log") from None
    return f"logged in as {user()!r}"


def check_version() -> str:
    with client() as redis:
        said: Any = redis.execute_command("HELLO")
    facts = said if isinstance(said, dict) else dict(zip(said[::2], said[1::2], strict=True))
    version = str(facts["version"])
    if tuple(map(int, version.split(".")[:2])) < OLDEST_VERSION:
        raise Fault(f"Redis is version {version}", f"it must be {'.'.join(map(str, OLDEST_VERSION))} or newer")
    return f"version {version}"


def check_rights(role: str) -> str:
    """Try every command that the role needs, on every queue it serves, in a transaction that is never executed."""
    needed = trials(role)
    if missing := _refused(needed):
        raise Fault(
            f"the user {user()!r} may not do what {role} needs: {', '.join(missing)}",
            f"give it the rights that config/acl.py names for {role}",
        )
    return f"{user()!r} may do what {role} needs ({len(needed)} commands tried)"


def trials(role: str) -> list[tuple[str, ...]]:
    """Every command of the role on every key that it is for."""
    queues = [settings.WORKER_QUEUE] if role == "worker" and settings.WORKER_QUEUE else list(Queue)
    patterns = [right.removeprefix("%R").removeprefix("~") for right in ROLES[role] if right.startswith(("~", "%R~"))]
    found = {
        (right[1:], *TRIALS[right[1:]].format(q=queue).split())
        for right in ROLES[role]
        for queue in queues
        if right[1:] in TRIALS
    }
    without_key = ("eval", "evalsha", "info", "publish", "time")
    return sorted(
        trial for trial in found if trial[0] in without_key or any(fnmatch(trial[1], pattern) for pattern in patterns)
    )


def _refused(needed: list[tuple[str, ...]]) -> list[str]:
    """Commands and keys for which Redis says that there is no permission, which it does when a command is queued."""
    missing = []
    with client() as redis:
        connection = redis.connection_pool.get_connection()
        try:
            connection.send_command("MULTI")
            connection.read_response()
            for trial in needed:
                connection.send_command(*trial)
                try:
                    connection.read_response()
                except NoPermissionError:
                    missing.append(" ".join(trial[:2]))
                except ResponseError:
                    # Anything else that it has against our example is no question of rights.
                    continue
        except NoPermissionError:
            return ["multi"]
        finally:
            # With the transaction open: nothing of it is done.
            connection.disconnect()
            redis.connection_pool.release(connection)
    return list(dict.fromkeys(missing))


def check_memory() -> str:
    """A Redis that evicts loses messages. Few users may ask."""
    try:
        with client() as redis:
            policy = str(redis.info("memory")["maxmemory_policy"])
    except NoPermissionError:
        raise Note(f"the user {user()!r} may not ask for maxmemory-policy; it must be noeviction") from None
    if policy != "noeviction":
        raise Fault(f"maxmemory-policy is {policy}: a full Redis would throw messages away", "set it to noeviction")
    return "maxmemory-policy is noeviction"


def _context() -> ssl.SSLContext:
    """As redis-py makes it."""
    options = settings.CELERY_BROKER_USE_SSL
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(options["ssl_ca_certs"])
        if "ssl_certfile" in options:
            context.load_cert_chain(options["ssl_certfile"], options["ssl_keyfile"])
    except (OSError, ssl.SSLError) as error:
        mend = "REDIS_CA_PATH, REDIS_CERT_PATH and REDIS_KEY_PATH must name PEM files that belong together"
        raise Fault(f"this process's own certificates cannot be read ({error})", mend) from None
    return context
