"""The Redis of `compose.yaml`: started by its own command, asked by its own health check, reached by its own files."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.exceptions import AuthenticationError, NoPermissionError
from redis.exceptions import ConnectionError as ConnectionLost

from devstack.compose import USERS, compose_secrets
from devstack.ports import free_port
from devstack.processes import Process
from devstack.programs import redis_program
from tests.guards.test_compose import COMPOSE, SERVICES
from tests.polling import wait_for


class Broker:
    """The service's process, with the container's paths below a folder and a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        made = folder / "made"
        compose_secrets(made)
        for mount in SERVICES["redis"]["secrets"]:
            target = self.folder / mount["target"].removeprefix("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((made / Path(COMPOSE["secrets"][mount["source"]]["file"]).name).read_bytes())
        (folder / "data").mkdir()
        self.password = {user: (made / f"redis-{user}").read_text() for user in USERS}
        command = [str(redis_program()), *shlex.split(self.placed(SERVICES["redis"]["command"]))]
        self.process = Process("redis", command, log=folder / "redis.log", folder=folder)

    def placed(self, text: str) -> str:
        text = text.replace("/run/", f"{self.folder}/run/").replace("/data", f"{self.folder}/data")
        return text.replace("6379", str(self.port))

    def is_healthy(self) -> bool:
        [kind, shell, option, script] = SERVICES["redis"]["healthcheck"]["test"]
        assert (kind, shell, option) == ("CMD", "sh", "-c")
        script = self.placed(script).replace("redis-cli", f"{redis_program('redis-cli')} -p {self.port}")
        return subprocess.run(["sh", "-c", script], capture_output=True, check=False).returncode == 0

    def client(self, user: str, **options: object) -> redis.Redis:
        login = {"username": user, "password": self.password[user]}
        settings: dict[str, object] = {"ssl": True, "ssl_ca_certs": str(self.folder / "run/tls/ca.crt")}
        return redis.Redis(host="localhost", port=self.port, **login | settings | options)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.process.start()
    yield broker
    broker.process.stop()


@pytest.mark.covers(70)
def test_redis_as_compose_starts_it_speaks_tls_alone_and_knows_each_role(broker: Broker) -> None:
    wait_for(broker.is_healthy, 30, what="the health check of compose.yaml succeeds")
    with broker.client("web") as web:
        assert web.llen("io") == 0
        with pytest.raises(NoPermissionError):
            web.set("io", "x")
    with broker.client("admin") as admin:
        assert admin.config_get("maxmemory-policy", "save", "port") == {
            "maxmemory-policy": "noeviction", "save": "", "port": "0",
        }  # fmt: skip
    with broker.client("web", ssl=False) as plain, pytest.raises(ConnectionLost):
        plain.ping()
    with broker.client("web", username=None, password=None) as nobody, pytest.raises(AuthenticationError):
        nobody.llen("io")
    for password in ("", broker.password["web"]):
        with broker.client("web", username="default", password=password) as guest, pytest.raises(AuthenticationError):
            guest.llen("io")
    broker.process.kill()
    assert not broker.is_healthy()
