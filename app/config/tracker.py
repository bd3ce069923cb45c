"""Sentry: told of errors that somebody must look at, and only where SENTRY_DSN is set.

These are jobs that died and requests that failed by an error which nobody foresaw. Retries are not told, nor is what is
expected. What is told has frames without their variables, no payload, no body, and passes `config.redaction`. Without
SENTRY_DSN Sentry's library is not even imported.
"""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING, Any, cast

import structlog
from django.conf import settings

from .redaction import redact

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

log = structlog.get_logger(__name__)

# Seconds that the end of a process waits for what is under way.
PATIENCE = 2
# Of each exception's text. One that is longer holds data.
TEXT_MAX = 500

_started = False


def start() -> None:
    """Begin to tell, if this process is to. Before any fork: each child has a thread of its own for sending."""
    global _started
    if _started or settings.SENTRY_DSN is None:
        return
    import sentry_sdk

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        environment=settings.SENTRY_ENVIRONMENT,
        # Not empty, and not for it to find out: it would run git.
        release=settings.SENTRY_RELEASE or "unknown",
        # They would tell of every failed attempt and log line, and with variables, headers and bodies.
        default_integrations=False,
        auto_enabling_integrations=False,
        include_local_variables=False,
        send_default_pii=False,
        send_client_reports=False,
        auto_session_tracking=False,
        max_breadcrumbs=0,
        max_request_body_size="never",
        event_scrubber=sentry_sdk.scrubber.EventScrubber(recursive=True),
        before_send=_redacted,
    )
    atexit.register(finish)
    _started = True


def finish() -> None:
    """Wait a moment for what is under way."""
    if _started:
        import sentry_sdk

        sentry_sdk.flush(timeout=PATIENCE)


def picture(error: BaseException | None) -> dict[str, Any] | None:
    """What Sentry shows of an exception: plain data that hold no frame. None where there is no exception or Sentry."""
    if not _started or error is None:
        return None
    import sentry_sdk
    from sentry_sdk.utils import event_from_exception

    event, _ = event_from_exception(error, client_options=sentry_sdk.get_client().options)
    for raised in cast(dict[str, Any], event)["exception"]["values"]:
        # Pydantic quotes what it refuses, from the second line on.
        text = str(raised["value"])
        raised["value"] = text.partition("\n")[0] if raised["type"] == "ValidationError" else text[:TEXT_MAX]
    return cast(dict[str, Any], event)


def tell(seen: dict[str, Any] | None, **facts: Any) -> None:
    """Send a picture, or what has none, with these members of Sentry's event. Never raises, never waits."""
    if not _started:
        return
    import sentry_sdk

    sentry_sdk.capture_event(cast("Event", {"level": "error", **(seen or {}), **facts}))


def _redacted(event: Event, _hint: Hint) -> Event:
    return cast("Event", redact(event))
