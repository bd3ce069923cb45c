"""The relay's process."""

from __future__ import annotations

import signal
import threading
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import InterfaceError, InternalError, OperationalError, connection
from django.db.backends.signals import connection_created

from config import exposition
from config.metrics import RELAY
from jobs import lifesigns
from jobs.broker import BrokerError
from jobs.relay import Relay

log = structlog.get_logger(__name__)

# The server ends this session, and with it the advisory lock, 20 s after the relay froze. One whose node vanished ends
# like every session (`config.sessions`).
SESSION = "SET idle_in_transaction_session_timeout = '20s'"


def limit_session(connection: Any, **_: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SESSION)


class Command(BaseCommand):
    help = "Repair until told to stop: dispatch what is due or was lost, give up attempts whose lease ran out."

    def handle(self, *args: Any, **options: Any) -> None:
        connection_created.connect(limit_session)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        lifesigns.begin()
        exposition.serve(RELAY)
        relay = Relay()
        log.info("relay started", interval=settings.RELAY_INTERVAL)
        while not stop.is_set():
            lifesigns.show(lifesigns.RELAY)
            self.turn(relay)
            stop.wait(settings.RELAY_INTERVAL)
        log.info("relay stopped")

    def turn(self, relay: Relay) -> None:
        """One round. What is away is said and tried again; anything else ends the process, whose restart is seen."""
        try:
            relay.round()
        except (OperationalError, InterfaceError, InternalError) as error:
            # The last is how psycopg tells of a session that SESSION ended, after this process thawed.
            connection.close()
            log.warning("database unreachable, nothing is repaired", error=str(error).strip())
        except BrokerError as error:
            log.warning("broker unreachable, jobs wait in the database", error=str(error))
