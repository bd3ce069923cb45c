"""What the relay tells of queues and servers, beside what it counts. Made up by `collection`."""

from __future__ import annotations

from config.metrics import RELAY, declare

READY = "jobs_queue_ready"
IN_FLIGHT = "jobs_queue_in_flight"
OLDEST = "jobs_queue_oldest_seconds"
TARGET = "jobs_queue_target_seconds"
ACTIVE = "jobs_active"
DEAD_LETTERS = "jobs_dead_letters"
SCHEDULE_LAG = "jobs_schedule_lag_seconds"
POSTGRES_CONNECTIONS = "jobs_postgres_connections"
POSTGRES_CONNECTIONS_MAX = "jobs_postgres_connections_max"
REDIS_MEMORY = "jobs_redis_memory_used_bytes"
REDIS_MEMORY_MAX = "jobs_redis_memory_max_bytes"
REDIS_REJECTED = "jobs_redis_rejected_writes_total"
REDIS_AOF_OK = "jobs_redis_aof_write_ok"
REDIS_CLIENTS = "jobs_redis_connected_clients"
CERTIFICATE = "jobs_certificate_expiry_timestamp_seconds"

for name, about, labels in (
    (READY, "Messages that wait in the queue's list.", ["queue"]),
    (IN_FLIGHT, "Messages that a worker has taken and not acknowledged.", ["queue"]),
    (OLDEST, "Age of the oldest work that waits, job or plain task; 0 where none does.", ["queue"]),
    (TARGET, "How long work of the queue may wait, as `app/config/queues.py` says.", ["queue"]),
    (ACTIVE, "Jobs that have not ended: scheduled, queued or running.", ["queue", "type", "state"]),
    (DEAD_LETTERS, "Dead jobs that nobody has retried, by what they died of.", ["type", "reason"]),
    (
        SCHEDULE_LAG,
        "Seconds since the first turn came due that Beat has not taken; 0 where none is late. "
        "Users' schedules together are `users`: the latest of them.",
        ["schedule"],
    ),
    (POSTGRES_CONNECTIONS, "Connections to the whole server that count to its limit.", []),
    (POSTGRES_CONNECTIONS_MAX, "That limit.", []),
    (REDIS_MEMORY, "Memory that Redis uses.", []),
    (REDIS_MEMORY_MAX, "Redis' `maxmemory`; 0 where it has none.", []),
    (REDIS_REJECTED, "Commands that Redis refused because its memory was full.", []),
    (REDIS_AOF_OK, "Whether Redis' last write to its append-only file succeeded: 1 or 0.", []),
    (REDIS_CLIENTS, "Connections to Redis.", []),
    (CERTIFICATE, "When the certificate ends that the server shows: redis, postgres.", ["server"]),
):
    declare(name, "counter" if name.endswith("_total") else "gauge", about, labels, [RELAY])
