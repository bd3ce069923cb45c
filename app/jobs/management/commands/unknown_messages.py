"""Messages that named no task of the version that got them, or could not be read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.queues import Queue
from jobs import broker


class Command(BaseCommand):
    help = (
        "List the messages that workers kept because they know no such task or cannot read them, or send them to "
        "their queues again. It needs the relay's rights in Redis."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["list", "send"])
        parser.add_argument("--queue", choices=list(map(str, Queue)), help="one queue (all)")

    def handle(self, *args: Any, action: str, queue: str | None, **options: Any) -> None:
        for name in [queue] if queue else map(str, Queue):
            if action == "send":
                self.stdout.write(f"{name}: {broker.send_unknown(name)} sent again")
                continue
            for one in broker.unknown(name):
                at = datetime.fromtimestamp(one.enqueued_at, UTC).isoformat(" ", "seconds") if one.enqueued_at else "-"
                self.stdout.write(f"{name}  {at}  {one.task or '(no task)'}  {one.id}")
