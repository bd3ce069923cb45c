"""Does work get done?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ops.findings import show
from ops.smoke import run


class Command(BaseCommand):
    help = "Send a canary through every queue and wait for it. Exit code 1 when one does not come back."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--timeout", type=float, default=60, help="seconds to wait for all of them (60)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not show(run(options["timeout"]), self.stdout):
            raise SystemExit(1)
