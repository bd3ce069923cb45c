"""The servers that tests ask for: started for the first test that needs them, one set per pytest process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from devstack.postgres import Postgres
from devstack.redis import Redis
from tests.services import POSTGRES, REDIS


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL of the suite's own."""
    with POSTGRES:
        yield POSTGRES


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """A Redis of the suite's own: TLS only, the users of config.acl."""
    with REDIS:
        yield REDIS


@pytest.fixture(scope="session")
def django_db_setup(postgres: Postgres, django_db_blocker: Any) -> None:
    """Migrate the database that the suite and the processes which it starts have in common."""
    from django.core.management import call_command

    with django_db_blocker.unblock():
        call_command("migrate", interactive=False, verbosity=0, run_syncdb=True)
