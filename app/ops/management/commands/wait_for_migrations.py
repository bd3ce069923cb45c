"""What a process waits for before it starts."""

from __future__ import annotations

import time
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser

from ops import readiness

log = structlog.get_logger(__name__)

# Seconds between looks.
LOOK = 1.0


class Command(BaseCommand):
    help = "Wait until the database can be reached and has this version's schema."
    # The process that waits for this makes them.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--timeout", type=float, help="seconds after which to give up, with exit code 1 (never)")

    def handle(self, *args: Any, **options: Any) -> None:
        began, said = time.monotonic(), None
        while sentence := readiness.missing():
            if options["timeout"] is not None and time.monotonic() - began > options["timeout"]:
                raise SystemExit(1)
            if sentence != said:
                log.info("waiting", missing=sentence)
                said = sentence
            time.sleep(LOOK)
        log.info("the database is current", seconds=round(time.monotonic() - began, 1))
