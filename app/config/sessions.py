"""What PostgreSQL is told at the beginning of every session."""

from __future__ import annotations

from typing import Any

from django.db.backends.signals import connection_created

# The server ends a session 20 s after the client's node vanished. Left to itself it waits two hours, and the locks of a
# transaction that was open wait with it. The settings in `config.settings.database` do the same on the client's side.
VANISHED_CLIENT = """
    SET tcp_user_timeout = '20s'; SET tcp_keepalives_idle = 5;
    SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3
"""


def install() -> None:
    """By a statement and not by a parameter of the connection, which poolers refuse."""
    connection_created.connect(begin, dispatch_uid="config.sessions")


def begin(connection: Any, **_: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(VANISHED_CLIENT)
