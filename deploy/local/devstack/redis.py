"""A Redis as production runs it: TLS port only, an ACL user per role and nobody else, appended to disk, never evicting.

with Redis(folder, free_port(), {"web": "secret", "admin": "other"}, certificates) as redis:
    redis.client("admin").ping()
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.acl import users_file
from devstack.certificates import Certificates
from devstack.errors import StackError
from devstack.processes import NO_TIES, Process, Ties
from devstack.programs import redis_program
from devstack.server import Server


class Redis(Server):
    """Redis on a TLS port of loopback. `passwords` has the roles of `config.acl` that may log in.

    `durable=False` is for tests: it does not wait for the disk, so it survives its own crash but not the machine's.
    """

    name = "redis"

    def __init__(
        self,
        folder: Path,
        port: int,
        passwords: Mapping[str, str],
        certificates: Certificates,
        *,
        durable: bool = True,
        log: Path | None = None,
        ties: Ties = NO_TIES,
    ) -> None:
        super().__init__(folder, port, log=log, ties=ties)
        self.passwords = dict(passwords)
        self.certificates = certificates
        self.durable = durable

    @property
    def url(self) -> str:
        """Where it is, without a user: roles have theirs in variables of their own."""
        return f"rediss://{self.host}:{self.port}/0"

    def password(self, role: str) -> str:
        """The password of a role; StackError when it has none here."""
        if role not in self.passwords:
            raise StackError(f"{role!r} has no Redis password; it must be one of {', '.join(self.passwords)}")
        return self.passwords[role]

    def client(self, role: str = "admin") -> redis.Redis:
        """A verifying client, logged in as a role; it returns text and never tries twice. The caller closes it."""
        return redis.Redis(
            host=self.host,
            port=self.port,
            username=role,
            password=self.password(role),
            ssl=True,
            ssl_cert_reqs="required",
            ssl_check_hostname=True,
            ssl_ca_certs=str(self.certificates.ca),
            socket_connect_timeout=10,
            socket_timeout=10,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )

    def silence(self) -> str | None:
        """Why it takes no login over verified TLS, or has not read its data yet."""
        try:
            with self.client(next(iter(self.passwords))) as client:
                client.ping()
        except (redis.ConnectionError, redis.TimeoutError) as error:
            return str(error)
        return None

    def prepare(self) -> Process:
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        users, settings = self.folder / "users.acl", self.folder / "redis.conf"
        users.write_text(users_file(self.passwords))
        settings.write_text(self._settings(data, users))
        return Process(
            self.name, [str(redis_program()), str(settings)], log=self.log, folder=self.folder, ties=self.ties
        )

    def _settings(self, data: Path, users: Path) -> str:
        settings = {
            "bind": self.host,
            "port": 0,
            "tls-port": self.port,
            "tls-ca-cert-file": self.certificates.ca,
            "tls-cert-file": self.certificates.certificate,
            "tls-key-file": self.certificates.key,
            "tls-auth-clients": "optional",
            "aclfile": users,
            "dir": data,
            "appendonly": "yes",
            "appendfsync": "everysec" if self.durable else "no",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        # Redis reads JSON's way of quoting; a folder may have spaces in its name.
        lines = [f"{name} {json.dumps(str(value), ensure_ascii=False)}" for name, value in settings.items()]
        # Snapshots would only repeat what the log of commands keeps.
        return "\n".join([*lines, 'save ""', ""])
