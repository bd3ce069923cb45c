"""Store the schedules that code declares."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from schedules.declarations import declared
from schedules.definitions import Faulty, definition_of
from schedules.services import NameTaken, Sync, sync


class Command(BaseCommand):
    help = "Make the code-owned schedules those that code declares; users' schedules are not touched."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = sync([definition_of(declaration) for declaration in declared()])
        except (Faulty, NameTaken) as error:
            raise CommandError(f"nothing was stored: {error}") from None
        if options["verbosity"]:
            self.stdout.write("\n".join(report(done)))


def report(done: Sync) -> list[str]:
    """What was done, a line for each schedule that is not as it was before."""
    return [
        *(f"created {name}" for name in done.created),
        *(f"changed {name}: {', '.join(parts)}" for name, parts in done.changed.items()),
        *(f"removed {name}, which is no longer declared" for name in done.removed),
        *(f"left {name} disabled, as an admin set it" for name in done.disabled),
        f"{len(done.unchanged)} schedules unchanged",
    ]
