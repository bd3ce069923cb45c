"""Redis' URL and TLS options, from one place for every client."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from pydantic import SecretStr

from config.environment import Environment
from config.tls import redis_tls, redis_url


def env(url: str = "rediss://redis.example:6379/0", **parts: Any) -> Environment:
    """The part of the environment that TLS depends on."""
    return Environment.model_construct(redis_url=SecretStr(url), redis_ca_path=Path("/etc/ca.crt"), **parts)


@pytest.mark.covers(77)
def test_the_servers_certificate_and_name_are_always_verified() -> None:
    options = redis_tls(env())
    assert (options["ssl_cert_reqs"], options["ssl_check_hostname"]) == ("required", True)
    assert options["ssl_ca_certs"] == "/etc/ca.crt"
    assert "ssl_certfile" not in options


def test_a_client_certificate_is_shown_where_there_is_one() -> None:
    options = redis_tls(env(redis_cert_path=Path("/etc/tls.crt"), redis_key_path=Path("/etc/tls.key")))
    assert (options["ssl_certfile"], options["ssl_keyfile"]) == ("/etc/tls.crt", "/etc/tls.key")


@pytest.mark.parametrize(
    ("url", "user", "password", "login"),
    [
        ("rediss://redis.example:6379/0", None, None, (None, None)),
        ("rediss://redis.example:6379/0", "worker", "secret", ("worker", "secret")),
        ("rediss://redis.example:6379/0", None, "secret", ("", "secret")),
        ("rediss://web:old@redis.example:6379/0", "worker", "secret", ("worker", "secret")),
        ("rediss://web:old@redis.example:6379/0", None, "secret", ("web", "secret")),
        ("rediss://web:old@redis.example:6379/0", None, None, ("web", "old")),
        ("rediss://redis.example:6379/0", "worker", "p@ss/w:rd?#%", ("worker", "p@ss/w:rd?#%")),
        ("rediss://web:p%40ss@redis.example:6379/0", None, None, ("web", "p@ss")),
        ("rediss://us%40er:x@redis.example:6379/0", None, None, ("us@er", "x")),
    ],
)
def test_a_login_beside_the_url_goes_before_the_one_inside(
    url: str, user: str | None, password: str | None, login: tuple[str | None, str | None]
) -> None:
    parts = urlsplit(redis_url(env(url, redis_username=user, redis_password=password and SecretStr(password))))
    found = tuple(part if part is None else unquote(part) for part in (parts.username, parts.password))
    assert found == login
    assert (parts.scheme, parts.hostname, parts.port, parts.path) == ("rediss", "redis.example", 6379, "/0")
