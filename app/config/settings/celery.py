"""Celery. The only place for `CELERY_*`; `docs/decisions/0003-celery-settings.md` gives the reason for each."""

import socket

import kombu

from config import cpus
from config.queues import DEFAULT_QUEUE, Lane, Queue
from config.signatures import keys_from
from config.tls import redis_tls, redis_url

from .env import env

WORKER_QUEUE = env.worker_queue
# How the queue of this worker runs; None in every other process.
WORKER_LANE: Lane | None = None
if WORKER_QUEUE:
    WORKER_LANE = WORKER_QUEUE.lane.override(
        concurrency=cpus.usable() if env.worker_concurrency == "auto" else env.worker_concurrency,
        time_limit=env.worker_time_limit,
        grace=env.worker_grace_period,
    )
# The most memory of one prefork child, in bytes: an equal share of the pod's, of which the main process has one too.
WORKER_CHILD_MEMORY: int | None = None
if WORKER_LANE and WORKER_LANE.pool == "prefork" and env.worker_memory_limit:
    WORKER_CHILD_MEMORY = env.worker_memory_limit // (WORKER_LANE.concurrency + 1)

CELERY_BROKER_URL = redis_url(env)
CELERY_BROKER_USE_SSL = redis_tls(env)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_BROKER_POOL_LIMIT = 10
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # One list per queue: more would hide messages from everything that measures the queue's length.
    "priority_steps": [0],
    "socket_keepalive": True,
    "socket_connect_timeout": 1,
    "socket_timeout": 2,
    "client_name": socket.gethostname(),
}
if WORKER_QUEUE and WORKER_LANE:
    CELERY_BROKER_TRANSPORT_OPTIONS |= {
        "socket_connect_timeout": 5,
        "socket_timeout": 5,
        "health_check_interval": 5,
        "visibility_timeout": WORKER_LANE.visibility_timeout,
        "unacked_key": f"unacked:{WORKER_QUEUE}",
        "unacked_index_key": f"unacked_index:{WORKER_QUEUE}",
        "unacked_mutex_key": f"unacked_mutex:{WORKER_QUEUE}",
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
    CELERY_TASK_TIME_LIMIT = WORKER_LANE.hard_limit
    CELERY_WORKER_CONCURRENCY = WORKER_LANE.concurrency
    CELERY_WORKER_POOL = WORKER_LANE.pool
if WORKER_CHILD_MEMORY:
    CELERY_WORKER_MAX_MEMORY_PER_CHILD = WORKER_CHILD_MEMORY // 1024

MESSAGE_KEYS = keys_from(env.message_keys.get_secret_value()) if env.message_keys else []
MESSAGE_SIGNATURE_REQUIRED = env.message_signature_required

# The default exchange needs no binding in Redis, and its routing key is the queue's name.
CELERY_TASK_QUEUES = [kombu.Queue(queue, exchange="", routing_key=queue) for queue in map(str, Queue)]
CELERY_TASK_DEFAULT_QUEUE = str(DEFAULT_QUEUE)
CELERY_TASK_DEFAULT_EXCHANGE = ""
CELERY_TASK_DEFAULT_ROUTING_KEY = str(DEFAULT_QUEUE)
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_ROUTES = ["config.celery.route"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0.1, "interval_step": 0, "interval_max": 0.1}
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_BACKEND = None
CELERY_ACCEPT_CONTENT = ["json"]

CELERY_WORKER_CONSUMER = "config.consumer:Consumer"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ETA_TASK_LIMIT = 1000
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 0
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_SEND_TASK_EVENTS = env.worker_events

CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
CELERY_BEAT_SCHEDULER = "schedules.scheduler:JobScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5

# CONN_MAX_AGE does nothing in a worker: Celery closes every connection around each task unless this is set.
# The worker itself drops a connection that failed, see `config.celery`.
CELERY_DB_REUSE_MAX = 1_000_000
