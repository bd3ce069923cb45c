"""What there is to see of queues, jobs, schedules and servers: each look returns values by metric and labels.

Each raises what its server raises when it is away, and is bounded by what is indexed or few.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

from django.db import connection

from config.queues import Queue, find
from jobs import broker, states
from jobs.counting import type_label
from jobs.registry import job_types
from jobs.selectors import queue_states
from schedules.selectors import lateness

from ..doctor import postgres, redis
from ..queues import backlog
from . import declared

# By metric, and there by the values of its labels.
Values = dict[str, dict[tuple[str, ...], float]]


def queues() -> Values:
    """In Redis and in rows. Where Redis is away, what rows say of waiting."""
    found: Values = {name: {} for name in (declared.READY, declared.IN_FLIGHT, declared.OLDEST, declared.TARGET)}
    for state in queue_states(list(Queue)):
        label = (state.queue.value,)
        if state.broker:
            found[declared.READY][label] = state.broker.ready
            found[declared.IN_FLIGHT][label] = state.broker.in_flight
        found[declared.OLDEST][label] = max(backlog(state).age, 0)
        found[declared.TARGET][label] = state.queue.lane.target
    return found


def jobs() -> Values:
    """Rows that have not ended, 0 where a known type has none, and dead letters."""
    active: dict[tuple[str, ...], float] = {
        (declared_type.queue.value, declared_type.name, state): 0 for declared_type in job_types() for state in STATES
    }
    dead: dict[tuple[str, ...], float] = {}
    with connection.cursor() as cursor:
        cursor.execute(ACTIVE)
        for queue, type_name, state, number in cursor.fetchall():
            label = (queue if find(queue) else "(unknown)", type_label(type_name), state)
            active[label] = active.get(label, 0) + number
        cursor.execute(DEAD)
        for type_name, reason, number in cursor.fetchall():
            dead[type_label(type_name), reason] = dead.get((type_label(type_name), reason), 0) + number
    return {declared.ACTIVE: active, declared.DEAD_LETTERS: dead}


STATES = [state.value for state in states.ACTIVE]
# Each state has an index of its own.
ACTIVE = " UNION ALL ".join(
    f"SELECT queue, type, state, count(*) FROM jobs_job WHERE state = '{state}' GROUP BY 1, 2, 3"  # noqa: S608
    for state in STATES
)
DEAD = """
    SELECT type, reason, count(*) FROM jobs_job dead
    WHERE state = 'dead' AND NOT EXISTS (SELECT FROM jobs_job repeat WHERE repeat.retry_of_id = dead.id)
    GROUP BY 1, 2
"""


def schedules() -> Values:
    """How late Beat is with each declared schedule, and at most with those of users."""
    late: dict[tuple[str, ...], float] = {("users",): 0}
    for schedule, seconds in lateness(datetime.now(UTC)):
        label = (schedule.name if schedule.is_declared else "users",)
        late[label] = max(late.get(label, 0), seconds)
    return {declared.SCHEDULE_LAG: late}


def postgres_connections() -> Values:
    """Those of others too: without a right of its own, a user sees that they are there and nothing else."""
    with connection.cursor() as cursor:
        cursor.execute(CONNECTIONS)
        [(used, most)] = cursor.fetchall()
    return {declared.POSTGRES_CONNECTIONS: {(): used}, declared.POSTGRES_CONNECTIONS_MAX: {(): most}}


CONNECTIONS = """
    SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity
    WHERE datid IS NOT NULL AND usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
"""


def redis_server() -> Values:
    """Needs the right to ask INFO."""
    info = broker.client().info("everything")
    return {
        declared.REDIS_MEMORY: {(): info["used_memory"]},
        declared.REDIS_MEMORY_MAX: {(): info["maxmemory"]},
        declared.REDIS_REJECTED: {(): info.get("errorstat_OOM", {}).get("count", 0)},
        declared.REDIS_AOF_OK: {(): float(info["aof_last_write_status"] == "ok")},
        declared.REDIS_CLIENTS: {(): info["connected_clients"]},
    }


def certificates() -> Values:
    """Of servers that speak TLS with us."""
    ends = {("redis",): redis.certificate(), ("postgres",): postgres.certificate()}
    return {
        declared.CERTIFICATE: {
            server: float(ssl.cert_time_to_seconds(str(found["notAfter"]))) for server, found in ends.items() if found
        }
    }
