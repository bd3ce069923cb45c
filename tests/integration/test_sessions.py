"""What every process tells PostgreSQL when it connects."""

from __future__ import annotations

import pytest
from django.db import connection


@pytest.mark.django_db
def test_the_server_gives_up_a_client_that_vanished_within_20_seconds() -> None:
    """Or the transaction of a worker whose node is gone would hold its locks, and the next attempt, for two hours."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, setting::int FROM pg_settings WHERE name LIKE 'tcp_keepalives%' OR name = 'tcp_user_timeout'"
        )
        said = dict(cursor.fetchall())
    assert said["tcp_keepalives_idle"] + said["tcp_keepalives_interval"] * said["tcp_keepalives_count"] == 20
    assert said["tcp_user_timeout"] == 20_000
