"""PostgreSQL. Every wait has an end: a connection whose other side vanished is given up after 20 seconds."""

import dj_database_url

from .env import env

_database = dj_database_url.parse(env.database_url.get_secret_value())
if env.database_password:
    _database["PASSWORD"] = env.database_password.get_secret_value()
_database["OPTIONS"] = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    **_database.get("OPTIONS", {}),
}
# Web closes a connection that failed or is a minute old; workers keep theirs (see CELERY_DB_REUSE_MAX).
_database["CONN_MAX_AGE"] = None if env.worker_queue else 60
_database["CONN_HEALTH_CHECKS"] = True

DATABASES = {"default": _database}
