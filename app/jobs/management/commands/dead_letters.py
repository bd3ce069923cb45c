"""Dead letters at the command line."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from jobs import selectors, services

ACTIONS = {"retry": services.retry, "discard": services.discard}


class Command(BaseCommand):
    help = "List the kinds of dead letters, or retry or discard all of one kind."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["list", *ACTIONS])
        parser.add_argument("fingerprint", nargs="?", help="the kind, as `list` shows it")

    def handle(self, *args: Any, action: str, fingerprint: str | None, **options: Any) -> None:
        if action == "list":
            for kind in selectors.dead_letters(None, limit=1_000):
                self.stdout.write(
                    f"{kind.fingerprint}  {kind.count:6}  {kind.last_at:%Y-%m-%d %H:%M}  {kind.type}  {kind.reason}: "
                    f"{kind.error.splitlines()[0] if kind.error else ''}"
                )
            return
        ids = selectors.dead_of_kind(None, fingerprint or "").values_list("id", flat=True)
        done, refused = services.for_each(ACTIONS[action], list(ids), None)
        for sentence in refused:
            self.stderr.write(sentence)
        self.stdout.write(f"{action}: {len(done)} of {len(done) + len(refused)}")
