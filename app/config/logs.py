"""One line per event on stdout, the same shape in every process.

Written with structlog or the standard library alike; `request_id`, `job_id` and `attempt` come from structlog's
context variables. Values under names that look secret, and what looks like a secret inside of a text, are blacked out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

HIDDEN = "***"
SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?s?$|secret|tokens?$|authorization|(api|private)[_-]?key|credential|cookie", re.IGNORECASE
)
_NAME = r"(?:passw(?:or)?d|tokens?|secret\w{0,20}|(?:api|private)[_-]?key)"
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"'&,;)}]+)"""
# What gives a secret away wherever it stands in a text: passwords in URLs, credentials of the Authorization header, our
# own API tokens, cookies, and values after `password=`, `"api_key": ` and the like. Their cost grows with the length of
# the text and no faster, whatever the text: what is unbounded begins with something rare.
SECRET_TEXT = (
    (re.compile(r"(\b\w{1,20}://[^\s:/@]*):[^\s/@]+@"), rf"\1:{HIDDEN}@"),
    (re.compile(r"\b(Bearer|Token|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\bdck_[\w-]+"), f"dck_{HIDDEN}"),
    (re.compile(r"\b((?:set-)?cookie: ?)[^\r\n]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(rf"""({_NAME}\\?["']? ?[=:] ?\\?){_VALUE}""", re.IGNORECASE), rf"\1{HIDDEN}"),
)
# Each of these needs one of those: most texts are done with after one look.
SUSPECT = re.compile(r"://|bearer|token|basic|dck_|cookie|passw|secret|key", re.IGNORECASE)


@lru_cache(maxsize=1_000)
def is_secret(name: str) -> bool:
    """Whether what stands under this name is secret."""
    return SECRET_NAME.search(name) is not None


def redact(value: Any, name: str = "") -> Any:
    """The value as JSON can hold it, without secrets: by the name it stands under, and by what stands in its text."""
    if value is None:
        return value
    if is_secret(name):
        return HIDDEN
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): redact(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(item) for item in value]
    text = str(value)
    if not SUSPECT.search(text):
        return text
    for pattern, replacement in SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text


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
        _redact_event,
        CONSOLE if form == "text" else structlog.processors.JSONRenderer(),
    ]
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": SHARED,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
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
        "loggers": {
            # Handled errors are answered and logged by us; the access log is one line per request of our own.
            "django.request": {"level": "CRITICAL"},
            "django.server": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            # It logs whole URLs, and that of a webhook often is its secret.
            "httpx": {"level": "WARNING"},
            "celery": {"level": level},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
        },
    }
