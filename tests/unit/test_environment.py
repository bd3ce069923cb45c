"""Variables from outside: read once, checked, and refused in words that tell what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.environment import Environment, load
from config.queues import Queue

SECRET = "hunter2-hunter2-hunter2-hunter2-hunter2"


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """A sound environment and nothing else of this process's."""
    known = {name.upper() for name in Environment.model_fields}
    for name in list(os.environ):
        if name.removesuffix("_FILE") in known:
            monkeypatch.delenv(name)
    ca = tmp_path / "ca.crt"
    ca.touch()
    sound = {
        "SECRET_KEY": SECRET,
        "ALLOWED_HOSTS": "jobs.example.com, 10.0.0.1 ,",
        "DATABASE_URL": "postgresql://app@db.example:5432/app",
        "REDIS_URL": "rediss://redis.example:6379/0",
        "REDIS_CA_PATH": str(ca),
    }
    for name, value in sound.items():
        monkeypatch.setenv(name, value)
    return sound


def refusal() -> list[str]:
    """The lines of what the reader says."""
    with pytest.raises(ImproperlyConfigured) as refused:
        load()
    return str(refused.value).splitlines()


@pytest.mark.usefixtures("variables")
def test_a_sound_environment_is_read_with_defaults_for_the_rest() -> None:
    read = load()
    assert read.allowed_hosts == ["jobs.example.com", "10.0.0.1"]
    assert (read.job_lease, read.worker_queue, read.log_format) == (30, None, "json")
    assert read.secret_key.get_secret_value() == SECRET


@pytest.mark.covers(9)
@pytest.mark.parametrize("name", ["SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL", "REDIS_CA_PATH"])
@pytest.mark.parametrize("how", ["missing", "empty"])
@pytest.mark.usefixtures("variables")
def test_a_missing_variable_is_named_with_what_it_must_be(monkeypatch: pytest.MonkeyPatch, name: str, how: str) -> None:
    if how == "missing":
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, "")
    description = Environment.model_fields[name.lower()].description
    assert refusal() == [f"{name} is not set; it must be {description}"]


@pytest.mark.usefixtures("variables")
def test_each_fault_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY")
    monkeypatch.setenv("JOB_LEASE", "-3")
    monkeypatch.setenv("WEB_PORT", "http")
    lines = refusal()
    assert [line.split()[0] for line in lines] == ["SECRET_KEY", "JOB_LEASE", "WEB_PORT"]


MALFORMED = [
    ("JOB_LEASE", "soon"),
    ("JOB_LEASE", "0"),
    ("JOB_LEASE", "inf"),
    ("JOB_LEASE_RENEWAL", "nan"),
    ("JOB_RETENTION_DAYS", "0"),
    ("JOB_RETENTION_DAYS", "1.5"),
    ("JOB_RETENTION_SUCCEEDED_DAYS", "0"),
    ("JOB_PROFILE_SAMPLE", "2"),
    ("WORKER_MEMORY_LIMIT", "768Mi"),
    ("EMAIL_SECURITY", "ssl"),
    ("WORKER_QUEUE", "defualt"),
    ("WORKER_CONCURRENCY", "0"),
    ("WORKER_CONCURRENCY", "1.5"),
    ("WORKER_CONCURRENCY", "automatic"),
    ("WORKER_TIME_LIMIT", "5 min"),
    ("WORKER_GRACE_PERIOD", "15"),
    ("WEB_PORT", "70000"),
    ("LOG_LEVEL", "LOUD"),
    ("LOG_FORMAT", "xml"),
    ("REDIS_CA_PATH", "/no/such/file"),
    ("REDIS_CERT_PATH", "/no/such/file"),
]


@pytest.mark.covers(9, 125)
@pytest.mark.parametrize(("name", "value"), MALFORMED, ids=lambda value: value)
@pytest.mark.usefixtures("variables")
def test_a_malformed_variable_is_one_line_that_names_it_what_it_was_and_what_it_must_be(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    [line] = refusal()
    assert line.startswith(f"{name} was ")
    assert repr(value)[1:-1] in line
    assert line.endswith(f"it must be {Environment.model_fields[name.lower()].description}")


@pytest.mark.covers(9)
@pytest.mark.usefixtures("variables")
def test_a_value_is_read_from_the_file_that_x_file_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As a mounted Secret holds it, with the line break that editors add."""
    file = tmp_path / "secret"
    for name, value in {"SECRET_KEY": SECRET, "WORKER_QUEUE": "io", "JOB_LEASE": "7", "ALLOWED_HOSTS": "a,b"}.items():
        file.write_text(f"{value}\n")
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(f"{name}_FILE", str(file))
        read = load()
        monkeypatch.delenv(f"{name}_FILE")
        monkeypatch.setenv(name, value)
        assert getattr(read, name.lower()) == getattr(load(), name.lower())


@pytest.mark.covers(9)
@pytest.mark.usefixtures("variables")
def test_every_variable_can_come_from_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Environment.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        with monkeypatch.context() as once:
            once.setenv(f"{name.upper()}_FILE", "/no/such/file")
            assert refusal()[0].startswith(f"{name.upper()}_FILE was '/no/such/file', which cannot be read")


@pytest.mark.covers(9)
@pytest.mark.usefixtures("variables")
def test_a_value_and_a_file_at_once_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SECRET)
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    assert refusal() == ["SECRET_KEY and SECRET_KEY_FILE are both set; set one of them"]


@pytest.mark.covers(9)
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "it is not text"),
    ],
    ids=["missing", "a folder", "not text"],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: object, reason: str
) -> None:
    path = tmp_path / "mounted"
    make(path)  # type: ignore[operator]
    monkeypatch.delenv("SECRET_KEY")
    monkeypatch.setenv("SECRET_KEY_FILE", str(path))
    [line] = refusal()
    assert line.startswith(f"SECRET_KEY_FILE was '{path}', which cannot be read ({reason}); it must be the path of")
    assert "at least 32 characters" in line


@pytest.mark.covers(77)
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://redis.example:6379/0", "not a rediss:// URL"),
        ("redis.example:6379", "not a rediss:// URL"),
        ("rediss:///0", "not a rediss:// URL"),
        ("rediss://redis.example:6379/0?ssl_cert_reqs=none", "has parameters after the question mark"),
        ("rediss://redis.example:port/0", "not a URL"),
        ("rediss://[redis.example/0", "not a URL"),
    ],
)
@pytest.mark.usefixtures("variables")
def test_a_redis_without_verified_tls_is_refused(monkeypatch: pytest.MonkeyPatch, url: str, reason: str) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    [line] = refusal()
    assert line.startswith("REDIS_URL was ")
    assert f"({reason})" in line


@pytest.mark.parametrize(
    "url", ["mysql://db.example/app", "postgresql://db.example", "postgresql:app", "sqlite:///app.db", "app"]
)
@pytest.mark.usefixtures("variables")
def test_a_database_that_is_not_postgresql_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert [line.split(" was ")[0] for line in refusal()] == ["DATABASE_URL"]


@pytest.mark.usefixtures("variables")
def test_a_client_certificate_needs_its_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One of them alone would be passed over, and Redis would refuse a client without a certificate."""
    (tmp_path / "tls.crt").touch()
    monkeypatch.setenv("REDIS_CERT_PATH", str(tmp_path / "tls.crt"))
    assert refusal() == ["REDIS_CERT_PATH is set and REDIS_KEY_PATH is not; set both or neither"]
    monkeypatch.delenv("REDIS_CERT_PATH")
    monkeypatch.setenv("REDIS_KEY_PATH", str(tmp_path / "tls.crt"))
    assert refusal() == ["REDIS_KEY_PATH is set and REDIS_CERT_PATH is not; set both or neither"]


@pytest.mark.covers(80)
@pytest.mark.usefixtures("variables")
def test_signatures_cannot_be_required_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has none could not tell a good one from a bad one."""
    monkeypatch.setenv("MESSAGE_SIGNATURE_REQUIRED", "true")
    assert refusal() == ["MESSAGE_SIGNATURE_REQUIRED is true and MESSAGE_KEYS is not set; set it too"]
    monkeypatch.setenv("MESSAGE_KEYS", f"one:{SECRET}")
    assert load().message_signature_required


@pytest.mark.covers(82)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "hunter2"),
        ("DATABASE_URL", "mysql://app:hunter2@db.example/app"),
        ("DATABASE_URL", "mysql://app:pass/hunter2@db.example/app"),
        ("DATABASE_URL", "mysql://db.example/app?password=hunter2"),
        ("DATABASE_URL", "postgresql:app:hunter2@db.example"),
        ("DATABASE_URL", "postgresql://app:hunter2"),
        ("DATABASE_URL", "hunter2"),
        ("REDIS_URL", "redis://:hunter2@redis.example:6379/0"),
        ("REDIS_URL", "rediss://:hunter2@redis.example:6379/0?ssl_cert_reqs=none"),
        ("REDIS_URL", "rediss://user:hunter2@redis.example:port/0"),
        ("REDIS_URL", "rediss://[hunter2"),
        ("MESSAGE_KEYS", "hunter2"),
        ("MESSAGE_KEYS", "one:hunter2"),
        ("MESSAGE_KEYS", f"one:hunter2-{SECRET},one:{SECRET}"),
        ("MESSAGE_KEYS", f"a name:hunter2-{SECRET}"),
        ("SENTRY_DSN", "hunter2"),
        ("SENTRY_DSN", "https://sentry.example/hunter2"),
        ("SENTRY_DSN", "https://hunter2@sentry.example/"),
        ("SENTRY_DSN", "ftp://hunter2@sentry.example/7"),
    ],
)
@pytest.mark.usefixtures("variables")
def test_a_refusal_never_shows_a_secret(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    [line] = refusal()
    assert line.startswith(f"{name} was ")
    assert "hunter2" not in line


@pytest.mark.usefixtures("variables")
def test_what_is_secret_can_be_listed_with_the_passwords_inside_of_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "rediss://app:per%20cent@redis.example:6379/0")
    monkeypatch.setenv("SENTRY_DSN", "https://key@sentry.example/7")
    monkeypatch.setenv("MESSAGE_KEYS", f"one:{SECRET}1,two:{SECRET}2")
    listed = load().secrets()
    assert {SECRET, "per%20cent", "per cent", "https://key@sentry.example/7", f"{SECRET}1", f"{SECRET}2"} <= set(listed)


@pytest.mark.usefixtures("variables")
def test_what_was_read_hides_its_secrets() -> None:
    assert SECRET not in repr(load())


@pytest.mark.usefixtures("variables")
def test_a_worker_names_its_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_QUEUE", "heavy")
    assert load().worker_queue is Queue.HEAVY


@pytest.mark.covers(63)
@pytest.mark.usefixtures("variables")
def test_auto_is_a_concurrency_for_children_and_none_for_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_CONCURRENCY", "auto")
    monkeypatch.setenv("WORKER_QUEUE", "heavy")
    assert load().worker_concurrency == "auto"
    monkeypatch.setenv("WORKER_QUEUE", "io")
    [line] = refusal()
    assert line.startswith("WORKER_CONCURRENCY was 'auto' and the pool of io is threads")
    monkeypatch.setenv("WORKER_CONCURRENCY", "40")
    assert load().worker_concurrency == 40


def test_every_variable_says_what_it_must_be() -> None:
    assert len(Environment.model_fields) >= 25
    assert [name for name, field in Environment.model_fields.items() if not field.description] == []
