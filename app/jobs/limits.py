"""How fast jobs may start, over all workers: one row per key says when the next may.

Each job that would be too early takes the next free slot and goes back until then, without using up an attempt. The
generic cell rate algorithm (ITU-T I.371) in one guarded statement; measured against a script in Redis in
`docs/performance.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection


@dataclass(frozen=True)
class RateLimit:
    """At most `per_second` starts for each key, after a burst of up to `burst`.

    `key` names what is limited, such as another system; a function of the payload names one of many.
    """

    key: str | Callable[[Any], str]
    per_second: float
    burst: int = 1

    def key_for(self, payload: Any) -> str:
        return self.key if isinstance(self.key, str) else self.key(payload)


def take_slot(limit: RateLimit, payload: Any) -> tuple[datetime, float]:
    """Take the next free slot: its time by PostgreSQL's clock, and the seconds until then (0 or less: now)."""
    spacing = 1 / limit.per_second
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO jobs_rateslot AS row (key, next_at)
            VALUES (%(key)s, clock_timestamp() - %(lead)s * interval '1 second' + %(spacing)s * interval '1 second')
            ON CONFLICT (key) DO UPDATE SET next_at =
                greatest(row.next_at, clock_timestamp() - %(lead)s * interval '1 second')
                + %(spacing)s * interval '1 second'
            RETURNING next_at - %(spacing)s * interval '1 second',
                extract(epoch FROM next_at - clock_timestamp())::float8 - %(spacing)s
            """,
            {"key": limit.key_for(payload), "spacing": spacing, "lead": spacing * (limit.burst - 1)},
        )
        slot, seconds = cursor.fetchone()
    return slot, seconds
