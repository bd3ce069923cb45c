"""The forms that variables of the environment may have: each says what it refuses, and never a word of a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from . import signatures
from .queues import Queue, find


def _words(value: object) -> object:
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def _url(value: SecretStr) -> SplitResult:
    """The parts of a URL. Raises ValueError without a word of it: Python's would quote what may be a password."""
    try:
        parts = urlsplit(value.get_secret_value())
        _ = parts.port
    except ValueError:
        raise ValueError("not a URL") from None
    return parts


def _verified_redis_url(url: SecretStr) -> SecretStr:
    parts = _url(url)
    if parts.scheme != "rediss" or not parts.hostname:
        raise ValueError("not a rediss:// URL")
    if parts.query:
        # kombu lets the URL overrule the settings: `?ssl_cert_reqs=none` would switch verification off.
        raise ValueError("has parameters after the question mark")
    return url


def _postgresql_url(url: SecretStr) -> SecretStr:
    parts = _url(url)
    if parts.scheme not in ("postgres", "postgresql") or not parts.netloc or not parts.path.strip("/"):
        raise ValueError("not a postgresql:// URL with a host and a database")
    return url


def _sentry_dsn(dsn: SecretStr) -> SecretStr:
    parts = _url(dsn)
    if parts.scheme not in ("https", "http") or not (parts.username and parts.hostname and parts.path.strip("/")):
        raise ValueError("not a DSN with a key, a host and a project")
    return dsn


def _message_keys(keys: SecretStr) -> SecretStr:
    signatures.keys_from(keys.get_secret_value())
    return keys


def _existing_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("no such file")
    return path


def _queue(value: object) -> object:
    queue = find(str(value))
    if queue is None:
        raise ValueError("no such queue")
    return queue


def _concurrency(value: object) -> object:
    if value == "auto":
        return value
    if not str(value).isdecimal() or int(str(value)) < 1:
        raise ValueError("neither auto nor a whole number from 1")
    return int(str(value))


Words = Annotated[list[str], NoDecode, BeforeValidator(_words)]
ExistingFile = Annotated[Path, AfterValidator(_existing_file)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
VerifiedRedisUrl = Annotated[SecretStr, AfterValidator(_verified_redis_url)]
PostgresqlUrl = Annotated[SecretStr, AfterValidator(_postgresql_url)]
SentryDsn = Annotated[SecretStr, AfterValidator(_sentry_dsn)]
MessageKeys = Annotated[SecretStr, AfterValidator(_message_keys)]
QueueName = Annotated[Queue, BeforeValidator(_queue)]
Concurrency = Annotated[int | Literal["auto"], BeforeValidator(_concurrency)]
