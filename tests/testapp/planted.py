"""Settings of processes that talk too much: at their first connection to the database they tell a secret in every way
that there is, and then fail with it. The secret stands in the variable PLANTED."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from typing import Any

import structlog
from django.db.backends.signals import connection_created

from tests.settings import *  # noqa: F403
from tests.settings import CELERY_BROKER_URL, SECRET_KEY

SECRET = os.environ["PLANTED"]

ours, theirs = structlog.get_logger("testapp.planted"), logging.getLogger("somebody.else")


class Planted(Exception):
    """An error with a secret in its text."""


def connect(password: str) -> None:
    raise Planted(f"https://api.example.com/?api_key={password} refused {{'Authorization': 'Basic {password}'}}")


def tell(**_: Any) -> None:
    headers = {"Authorization": f"Bearer {SECRET}", "X-API-Key": SECRET}
    ours.info("planted: arguments", password=SECRET, given={"client_secret": SECRET})
    ours.info("planted: headers", headers=headers, pairs=list(headers.items()))
    theirs.warning("planted: headers %s and %s", headers, list(headers.items()))
    theirs.warning("planted: URLs %s %s", f"https://{SECRET}@a.example/b", f"amqp://user:{SECRET}@a.example/b")
    theirs.warning("planted: URL https://a.example/?sig=%s&X-Amz-Signature=%s#top", SECRET, SECRET)
    theirs.warning("planted: extra", extra={"access_token": SECRET})
    ours.warning(f"planted: own secrets {SECRET_KEY} and {CELERY_BROKER_URL}")
    warnings.warn(f"planted: warning password={SECRET}", stacklevel=1)
    thread = threading.Thread(target=connect, args=(SECRET,))
    thread.start()
    thread.join()
    try:
        connect(SECRET)
    except Planted:
        theirs.exception("planted: traceback")
    connect(password=SECRET)


connection_created.connect(tell)
