"""What a large table costs: the engine's statements at ten thousand and at a million ended jobs. Milliseconds."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.servers import Servers

SIZES = (10_000, 1_000_000)
REPEATS = 60


def measure(servers: Servers) -> dict[str, list[float]]:
    """Median milliseconds of each operation, at each of SIZES."""
    return dict(servers.figures("benchmarks.table"))


def main() -> dict[str, list[float]]:
    """Runs in a process of its own, as a worker would."""
    os.environ["WORKER_QUEUE"] = "default"
    import django

    django.setup()
    from django.db import connection

    from accounts.models import User

    owner = User.objects.create_user("bench")
    found: dict[str, list[float]] = {}
    size = 0
    for wanted in SIZES:
        with connection.cursor() as cursor:
            cursor.execute(FILL, {"count": wanted - size, "owner": owner.pk})
            cursor.execute("VACUUM ANALYZE jobs_job")
        size = wanted
        for name, operation in operations(owner).items():
            found.setdefault(name, []).append(median(operation() for _ in range(REPEATS)))
    return found


FILL = """
    INSERT INTO jobs_job (id, type, queue, state, payload, owner_id, run_at, created_at, finished_at, dispatched_at)
    SELECT gen_random_uuid(), 'benchmarks.on_prefork', 'default', 'succeeded', '{}', %(owner)s, at, at, at, at
    FROM (SELECT now() - make_interval(secs => n) AS at FROM generate_series(1, %(count)s) AS n) AS ended
"""


def operations(owner: Any) -> dict[str, Callable[[], float]]:
    """Each does its work once and returns the milliseconds of the part that is meant."""
    from benchmarks.jobtypes.tasks import Work, on_prefork
    from config.queues import Queue
    from jobs.execution import claim
    from jobs.relay import reap, sweep
    from jobs.selectors import JobFilter, jobs_of, queue_states

    def claiming() -> float:
        job = on_prefork.enqueue(Work(), owner=owner)
        return timed(lambda: claim(job.id))

    return {
        "claim": claiming,
        "sweep": lambda: timed(sweep),
        "reap": lambda: timed(reap),
        "list": lambda: timed(lambda: jobs_of(owner, JobFilter(), before=None, limit=50)),
        "queues": lambda: timed(lambda: queue_states(list(Queue))),
    }


def timed(call: Callable[[], object]) -> float:
    from django.db import transaction

    began = time.perf_counter()
    with transaction.atomic():
        call()
    return (time.perf_counter() - began) * 1_000


if __name__ == "__main__":
    print(json.dumps(main()), file=sys.stdout)
