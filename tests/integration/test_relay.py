"""The relay's process."""

from __future__ import annotations

import time

from django.db import connection

from jobs.management.commands.relay import Command
from jobs.models import Job
from jobs.relay import Relay, advisory_lock
from tests.integration.conftest import Stack


class Frozen(Relay):
    """Stands still in the middle of a round for longer than the server waits."""

    def round(self) -> None:
        with advisory_lock():
            time.sleep(0.5)
            Job.objects.exists()


def test_a_relay_that_froze_in_a_round_lives_and_its_next_round_is_whole(stack: Stack) -> None:
    for _ in range(3):
        with connection.cursor() as cursor:
            cursor.execute("SET idle_in_transaction_session_timeout = '100ms'")
        Command().turn(Frozen())
        Command().turn(Relay())
