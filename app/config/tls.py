"""TLS to Redis, from one place: the broker, the relay's reader and the doctor all use this."""

from typing import Any
from urllib.parse import quote

from config.environment import Environment


def redis_tls(env: Environment) -> dict[str, Any]:
    """The `ssl_*` options of redis-py: the server's certificate and name are always verified."""
    options: dict[str, Any] = {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_certs": str(env.redis_ca_path),
    }
    if env.redis_cert_path and env.redis_key_path:
        options |= {"ssl_certfile": str(env.redis_cert_path), "ssl_keyfile": str(env.redis_key_path)}
    return options


def redis_url(env: Environment) -> str:
    """REDIS_URL with the user and password that stand beside it."""
    scheme, rest = env.redis_url.get_secret_value().split("://", 1)
    userinfo, _, host = rest.rpartition("@")
    user, _, password = userinfo.partition(":")
    if env.redis_username:
        user = quote(env.redis_username, safe="")
    if env.redis_password:
        password = quote(env.redis_password.get_secret_value(), safe="")
    return f"{scheme}://{user}:{password}@{host}" if user or password else f"{scheme}://{host}"
