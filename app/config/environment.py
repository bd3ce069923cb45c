"""Every setting that comes from outside, read once and checked.

A variable `X` may also be given as `X_FILE`, the path of a file with the value (a mounted secret). A missing or
malformed variable raises `ImproperlyConfigured` with one line per fault: the variable, what it was, what it must be.
`docs/settings.md` is generated from the descriptions here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from . import signatures
from .queues import RELEASE_MARGIN, Queue
from .variables import (
    Concurrency,
    ExistingFile,
    MessageKeys,
    PostgresqlUrl,
    QueueName,
    Seconds,
    SentryDsn,
    VerifiedRedisUrl,
    Words,
)


class Environment(BaseSettings):
    """The process's environment. Each description says what the variable must be."""

    model_config = SettingsConfigDict(case_sensitive=False, extra="ignore", frozen=True, env_ignore_empty=True)

    secret_key: SecretStr = Field(min_length=32, description="a random string of at least 32 characters")
    allowed_hosts: Words = Field(description="host names that web answers to, separated by commas")
    trusted_origins: Words = Field(
        default=[], description="origins such as https://jobs.example.com that may post forms, separated by commas"
    )
    database_url: PostgresqlUrl = Field(
        description="postgresql://user@host:5432/database, with ?sslmode=verify-full&sslrootcert=/path over a network"
    )
    database_password: SecretStr | None = Field(
        default=None, description="the database password, where it is not part of DATABASE_URL"
    )
    redis_url: VerifiedRedisUrl = Field(
        description="rediss://host:6379/0, TLS and nothing after a question mark: verification cannot be turned off"
    )
    redis_username: str | None = Field(
        default=None, description="the Redis ACL user, where it is not part of REDIS_URL"
    )
    redis_password: SecretStr | None = Field(
        default=None, description="the Redis password, where it is not part of REDIS_URL"
    )
    redis_ca_path: ExistingFile = Field(
        description="the path of the certificate authority that signed Redis' certificate"
    )
    redis_cert_path: ExistingFile | None = Field(default=None, description="the path of this client's certificate")
    redis_key_path: ExistingFile | None = Field(default=None, description="the path of this client's private key")
    message_keys: MessageKeys | None = Field(
        default=None,
        description="name:secret, with at least 32 characters of secret, separated by commas: the first signs messages "
        "and all verify them; nothing is signed when unset",
    )
    message_signature_required: bool = Field(
        default=False, description="true or false: whether a worker refuses messages without a signature"
    )
    worker_queue: QueueName | None = Field(
        default=None,
        description=f"one of {', '.join(Queue)}: the queue this worker serves; unset in every other process",
    )
    worker_concurrency: Concurrency | None = Field(
        default=None,
        description="a whole number from 1: jobs at a time; the queue's own when unset. Or auto, where the pool is "
        "prefork: as many as the process has CPUs, by its affinity and its pod's CPU limit",
    )
    worker_time_limit: int | None = Field(
        default=None, ge=1, description="whole seconds from 1: a service's time limit; the queue's own when unset"
    )
    worker_grace_period: int | None = Field(
        default=None,
        gt=RELEASE_MARGIN,
        description=f"whole seconds above {RELEASE_MARGIN} from TERM to KILL; long enough for every attempt when unset",
    )
    worker_memory_limit: int | None = Field(
        default=None,
        ge=1,
        description="bytes: the pod's memory limit, of which each prefork child may take an equal share with the main "
        "process; no limit when unset",
    )
    worker_events: bool = Field(
        default=False, description="true or false: whether the worker publishes Celery's events, for celery-exporter"
    )
    job_lease: Seconds = Field(
        default=30, description="seconds that a worker may be silent before its attempts are given up"
    )
    job_lease_renewal: Seconds = Field(default=10, description="seconds between renewals; a third of JOB_LEASE")
    relay_interval: Seconds = Field(default=1, description="seconds between the relay's rounds")
    dispatch_overdue: Seconds = Field(
        default=30, description="seconds after which a dispatched job that is not in the broker counts as lost"
    )
    dispatch_undispatched: Seconds = Field(
        default=5, description="seconds after which the relay dispatches a job that its creator did not"
    )
    job_profile_sample: float = Field(
        default=0,
        ge=0,
        le=1,
        description="the share of attempts, from 0 to 1, that leave a profile of their time as a file of their job",
    )
    job_retention_days: int = Field(
        default=30, ge=1, description="whole days from 1 that ended jobs and unused uploads are kept"
    )
    job_retention_succeeded_days: int | None = Field(
        default=None, ge=1, description="the same for jobs that succeeded; JOB_RETENTION_DAYS when unset"
    )
    job_retention_dead_days: int | None = Field(
        default=None, ge=1, description="the same for dead letters; JOB_RETENTION_DAYS when unset"
    )
    job_retention_cancelled_days: int | None = Field(
        default=None, ge=1, description="the same for cancelled jobs; JOB_RETENTION_DAYS when unset"
    )
    file_max_bytes: int = Field(default=5_000_000, ge=1, description="the largest upload and result file, in bytes")
    email_host: str | None = Field(default=None, description="the mail server; no mail is sent when unset")
    email_port: int = Field(default=587, ge=1, le=65535, description="its port")
    email_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="starttls, tls (from the first byte) or none; certificates are verified"
    )
    email_user: str | None = Field(default=None, description="the user to log in as, where the server asks for one")
    email_password: SecretStr | None = Field(default=None, description="the password of EMAIL_USER")
    email_from: str = Field(default="jobs@localhost", description="the sender of every mail")
    health_dir: Path | None = Field(
        default=None, description="a writable folder for the files that probes look at; no such files when unset"
    )
    metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="the port on which Prometheus finds /metrics, of this process's own; nothing is counted when unset",
    )
    metrics_interval: Seconds = Field(
        default=5, description="seconds between the relay's looks at what it tells Prometheus of queues and servers"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR"
    )
    log_format: Literal["json", "text"] = Field(default="json", description="json or text")
    sentry_dsn: SentryDsn | None = Field(
        default=None,
        description="https://key@host/project: where Sentry is told of jobs that died and requests that failed; "
        "nothing is told, nor its library imported, when unset",
    )
    sentry_environment: str = Field(default="production", description="the environment that Sentry files them under")
    sentry_release: str | None = Field(default=None, description="the version that Sentry files them under")
    web_port: int = Field(default=8000, ge=1, le=65535, description="the port that web listens on")
    web_threads: int = Field(default=8, ge=1, description="requests that one web process answers at a time")
    web_processes: int = Field(default=2, ge=1, description="web processes in one pod")

    def secrets(self) -> list[str]:
        """Every secret among the values, and the passwords in those that are URLs."""
        values = [value.get_secret_value() for _, value in self if isinstance(value, SecretStr)]
        if self.message_keys:
            values += [key.secret for key in signatures.keys_from(self.message_keys.get_secret_value())]
        passwords = [password for value in values if "://" in value if (password := urlsplit(value).password)]
        return [*values, *passwords, *map(unquote, passwords)]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (env_settings, _FromFiles(settings_cls))


class _FromFiles(PydanticBaseSettingsSource):
    """`X_FILE`: the value of `X` stands in a file."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path:
            return None, field_name, False
        if os.environ.get(field_name.upper()):
            raise ImproperlyConfigured(f"{field_name.upper()} and {variable} are both set; set one of them")
        try:
            return Path(path).read_text().rstrip("\n"), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise ImproperlyConfigured(
                f"{variable} was {path!r}, which cannot be read ({reason}); it must be the path of a file that holds "
                f"{field_name.upper()}: {field.description}"
            ) from None

    def __call__(self) -> dict[str, Any]:
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            value, _, _ = self.get_field_value(field, name)
            if value is not None:
                found[name] = value
        return found


def load() -> Environment:
    """Read the environment.

    Raises ImproperlyConfigured with one line for each variable that is missing or malformed.
    """
    try:
        read = Environment()
    except ValidationError as error:
        raise ImproperlyConfigured("\n".join(_line(fault) for fault in error.errors())) from None
    for one, other in (("redis_cert_path", "redis_key_path"), ("redis_key_path", "redis_cert_path")):
        if getattr(read, one) and not getattr(read, other):
            raise ImproperlyConfigured(f"{one.upper()} is set and {other.upper()} is not; set both or neither")
    if read.message_signature_required and not read.message_keys:
        raise ImproperlyConfigured("MESSAGE_SIGNATURE_REQUIRED is true and MESSAGE_KEYS is not set; set it too")
    pool = read.worker_queue and read.worker_queue.lane.pool
    if read.worker_concurrency == "auto" and pool == "threads":
        raise ImproperlyConfigured(
            f"WORKER_CONCURRENCY was 'auto' and the pool of {read.worker_queue} is threads, which wait and need no CPU "
            "each; it must be a whole number from 1, or unset"
        )
    return read


def _line(fault: Any) -> str:
    name = str(fault["loc"][0])
    field = Environment.model_fields[name]
    if fault["type"] == "missing":
        was = "is not set"
    else:
        shown = _without_secrets(str(fault["input"])) if "Secret" in str(field.annotation) else fault["input"]
        was = f"was {shown!r} ({_reason(fault)})"
    return f"{name.upper()} {was}; it must be {field.description}"


def _without_secrets(value: str) -> str:
    """Of a URL its scheme, and nothing else: a malformed one may have its password anywhere."""
    scheme, separator, _ = value.partition("://")
    return f"{scheme}://***" if separator and scheme.isalnum() else "***"


def _reason(fault: Any) -> str:
    return str(fault["msg"]).removeprefix("Value error, ")
