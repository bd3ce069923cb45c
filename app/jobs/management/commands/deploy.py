"""Bring the database to this version."""

from __future__ import annotations

import time
from typing import Any

import structlog
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

from config.logs import Lines
from jobs.patience import patiently

log = structlog.get_logger(__name__)

LOCK = 7_165_002
# Seconds that a database which is started together with this may take.
PATIENCE = 300


class Command(BaseCommand):
    help = "Migrate and synchronise the schedules, one process at a time."

    def handle(self, *args: Any, **options: Any) -> None:
        patiently(connection.ensure_connection, until=time.monotonic() + PATIENCE)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            try:
                began = time.monotonic()
                lines = Lines()
                call_command("migrate", interactive=False, verbosity=options["verbosity"], stdout=lines)
                call_command("sync_schedules", verbosity=options["verbosity"], stdout=lines)
                log.info("the database is current", seconds=round(time.monotonic() - began, 1))
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
