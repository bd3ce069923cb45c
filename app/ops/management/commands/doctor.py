"""What is wrong, and how is it mended?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ops.doctor import PROCESS_ROLES, examine, role_of_this_process
from ops.findings import show


class Command(BaseCommand):
    help = "Look at everything that this process needs, a line each. Exit code 1 when something must be mended."
    # They are among the findings.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--role", choices=PROCESS_ROLES, help="whose rights in Redis to look at (this process's)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not show(examine(options["role"] or role_of_this_process()), self.stdout):
            raise SystemExit(1)
