"""One line per event on stdout, the same shape in every process: `timestamp`, `level`, `logger` and `event`.

Written with structlog or the standard library alike; `request_id`, `job_id` and `attempt` come from structlog's
context variables. Values under names that look secret, and what looks like a secret inside of a text, are blacked out
(`config.redaction`). What a process says of its settings, before it knows how to log, stands on stderr in plain lines.
"""

from __future__ import annotations

import io
import logging
import logging.config
import os
import re
import sys
import threading
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from .redaction import redact

log = structlog.get_logger(__name__)

# Where Celery's errors begin to quote a whole message: after what is wrong with it.
QUOTED = re.compile(r"(?:(?<=message body)|(?<=unknown message)\.|\n\s*\n).*", re.DOTALL)


def _without_arguments(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Celery's errors quote arguments and whole messages, and nobody can know what those of plain tasks hold."""
    name = str(event.get("logger", ""))
    if not name.startswith("celery"):
        return event
    if isinstance(data := event.pop("data", None), dict):
        event.update(task=data.get("name"), task_id=data.get("id"))
    if name.startswith("celery.worker.consumer"):
        event["event"] = QUOTED.sub("", str(event["event"]))
    return event


def _redact_event(_logger: Any, _method: str, event: EventDict) -> EventDict:
    return {key: value if key.startswith("_") else redact(value, key) for key, value in event.items()}


# Without the variables of each frame, which rich tracebacks would show, secrets and all.
CONSOLE = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback)

SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _formatter(form: str) -> dict[str, Any]:
    # A traceback becomes text first, so that it is redacted too.
    finish: list[Processor] = [
        structlog.processors.format_exc_info,
        _without_arguments,
        _redact_event,
        CONSOLE if form == "text" else structlog.processors.JSONRenderer(),
    ]
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": SHARED,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
    }


def _loggers(level: str) -> dict[str, Any]:
    """Those that need a word of their own."""
    return {
        # Handled errors are answered and logged by us; the access log is one line per request of our own.
        "django.request": {"level": "CRITICAL"},
        "django.server": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        # It logs whole URLs, and that of a webhook often is its secret; what it rests on logs headers.
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "celery": {"level": level},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        # On DEBUG it shows the arguments of every task.
        "celery.pool": {"level": "INFO"},
        # billiard's, of a prefork worker's children. It propagates nothing.
        "multiprocessing": {"handlers": ["stdout"], "level": "WARNING", "propagate": False},
        # Without the handlers that gunicorn has put there.
        "gunicorn.error": {"handlers": [], "level": level, "propagate": True},
    }


def logging_settings(form: str, level: str) -> dict[str, Any]:
    """The `LOGGING` setting. `form` is json or text; `level` applies to everything that is ours."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": _formatter(form)},
        "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"}},
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": _loggers(level),
    }


def configure(settings: dict[str, Any]) -> None:
    """Log as `settings`, a LOGGING, says, from now on; also warnings, and what ends a thread or the process."""
    logging.config.dictConfig(settings)
    logging.captureWarnings(True)
    sys.excepthook = lambda kind, error, trace: _say_unforeseen("process", error)
    threading.excepthook = lambda ended: _say_unforeseen("thread", ended.exc_value)


def _say_unforeseen(ended: str, error: BaseException | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        return
    log.critical(f"the {ended} met an unforeseen error", exc_info=error)


def say(text: str, *_: Any) -> None:
    """Log one line from inside of a signal handler, where handlers' locks and buffers may be in use: by one write."""
    record = logging.LogRecord("celery.apps.worker", logging.INFO, __file__, 0, text.strip(), None, None)
    for handler in logging.getLogger().handlers:
        os.write(1, f"{handler.format(record)}\n".encode())


class Lines(io.TextIOBase):
    """A text file whose lines become events: for what was written to print."""

    def __init__(self) -> None:
        self._line = ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in filter(str.strip, lines):
            log.info(line.strip())
        return len(text)
