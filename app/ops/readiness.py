"""What web needs to do its work. Redis is not among it: without it jobs are created all the same."""

from __future__ import annotations

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

log = structlog.get_logger(__name__)

_migrated = False


def missing() -> str | None:
    """What is missing, as a sentence for people who may not know our secrets; None when nothing is."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        waiting = _unapplied()
    except (OperationalError, InterfaceError) as error:
        connection.close()
        log.warning("database unreachable", error=str(error).strip())
        return "The database cannot be reached."
    except DatabaseError as error:
        log.warning("the database refuses to say which migrations it has", error=str(error).strip())
        return "The database does not say which migrations it has."
    if waiting:
        return f"{waiting} migrations have not been applied; run the role `migrate`."
    return None


def unapplied_migrations() -> list[str]:
    """The migrations of this version that the database has not seen. What newer versions added does not count."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def _unapplied() -> int:
    """How many, and none ever after the first time that there were none: nobody takes migrations back under us."""
    global _migrated
    waiting = 0 if _migrated else len(unapplied_migrations())
    _migrated = not waiting
    return waiting
