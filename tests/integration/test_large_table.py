"""What the engine asks of a large table: no statement of every day reads it from end to end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection, transaction

from accounts.models import User
from config.queues import Queue
from jobs import relay, selectors, services
from jobs.execution import claim
from jobs.guard import release, renew
from jobs.housekeeping import delete_old
from jobs.selectors import JobFilter
from tests.integration.conftest import Stack
from tests.testapp.tasks import Echo, echo

ROWS = 30_000
ENDED = """
    INSERT INTO jobs_job (id, type, queue, state, owner_id, parent_id, step, run_at, created_at, finished_at)
    SELECT gen_random_uuid(), 'testapp.echo', 'default', 'succeeded', %(owner)s, NULL, NULL, at, at, at
    FROM (SELECT now() - make_interval(secs => n) AS at FROM generate_series(1, %(count)s) AS n) AS ended
"""


@pytest.fixture
def owner(stack: Stack) -> User:
    """Who owns so many ended jobs."""
    user = User.objects.create_user("alice")
    with connection.cursor() as cursor:
        cursor.execute(ENDED, {"owner": user.pk, "count": ROWS})
        cursor.execute("ANALYZE jobs_job")
    return user


def whole_reads() -> int:
    """How often PostgreSQL has read the table of jobs from end to end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'jobs_job'")
        return int(cursor.fetchone()[0])


def operations(owner: User) -> dict[str, Callable[[], object]]:
    job = echo.enqueue(Echo(text="ab"), owner=owner)
    other = echo.enqueue(Echo(text="ab"), owner=owner)
    return {
        "enqueue": lambda: echo.enqueue(Echo(text="ab"), owner=owner),
        "claim": lambda: claim(job.id),
        "sweep": relay.sweep,
        "reap": relay.reap,
        "look for lost messages": lambda: [relay.missing_from_broker(queue) for queue in Queue],
        "list": lambda: selectors.jobs_of(owner, JobFilter(), before=None, limit=50),
        "one job": lambda: selectors.job_of(owner, job.id),
        "queues": lambda: selectors.queue_states(list(Queue)),
        "dead letters": lambda: selectors.dead_letters(None, limit=50),
        "renew": lambda: renew("default@node/1", [job.id]),
        "release": lambda: release("default@node/1"),
        "housekeeping": lambda: delete_old(1),
        "cancel": lambda: services.cancel(other.id),
    }


def test_no_statement_of_every_day_reads_a_large_table_from_end_to_end(owner: User) -> None:
    guilty = {}
    for name, operation in operations(owner).items():
        before = whole_reads()
        with transaction.atomic():
            operation()
        if reads := whole_reads() - before:
            guilty[name] = reads
    assert guilty == {}


def test_reading_from_end_to_end_would_be_seen(owner: User) -> None:
    before = whole_reads()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM jobs_job WHERE label = 'x'")
    assert whole_reads() > before
