"""The application's processes, wired to a Redis and a PostgreSQL.

application = Application(folder, redis, postgres, secret_key=key, settings="config.settings.test")
application.run("migrate")
worker = application.process(Role.WORKER, Queue.IO)
worker.start()
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from config.queues import Queue
from devstack.errors import StackError
from devstack.postgres import Postgres
from devstack.processes import GRACE, NO_TIES, Process, Ties, run
from devstack.redis import Redis

APP = Path(__file__).resolve().parents[3] / "app"


class Role(StrEnum):
    """What a process of the application is for. Commands that end by themselves are `manage`."""

    WEB = "web"
    WORKER = "worker"
    RELAY = "relay"
    BEAT = "beat"
    MANAGE = "manage"

    @property
    def redis_user(self) -> str:
        """Commands send and look, as web does."""
        return Role.WEB.value if self is Role.MANAGE else self.value


class Application:
    """Makes environments and processes; starts nothing by itself but what `run` runs.

    `extra` are variables for every process, over those made here. Logs and health files stand in `folder`.
    """

    def __init__(
        self,
        folder: Path,
        redis: Redis,
        postgres: Postgres,
        *,
        secret_key: str,
        web_port: int,
        settings: str = "config.settings.local",
        extra: Mapping[str, str] | None = None,
        ties: Ties = NO_TIES,
    ) -> None:
        self.folder = folder.absolute()
        self.redis = redis
        self.postgres = postgres
        self.secret_key = secret_key
        self.web_port = web_port
        self.settings = settings
        self.extra = dict(extra or {})
        self.ties = ties

    @property
    def url(self) -> str:
        """Where web answers, without a slash at the end."""
        return f"http://127.0.0.1:{self.web_port}"

    def variables(self, role: Role, queue: Queue | None = None, *, name: str | None = None) -> dict[str, str]:
        """The variables that a role gets from us. StackError when a worker has no queue or another role has one."""
        if (role is Role.WORKER) != (queue is not None):
            raise StackError(f"the queue of {role} was {queue}; a worker must have one and nothing else may")
        health = self.folder / "health" / (name or process_name(role, queue))
        health.mkdir(parents=True, exist_ok=True)
        return {
            "DJANGO_SETTINGS_MODULE": self.settings,
            "SECRET_KEY": self.secret_key,
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "REDIS_USERNAME": role.redis_user,
            "REDIS_PASSWORD": self.redis.password(role.redis_user),
            "REDIS_CA_PATH": str(self.redis.certificates.ca),
            "WORKER_QUEUE": queue or "",
            "WEB_PORT": str(self.web_port),
            "HEALTH_DIR": str(health),
            "LOG_FORMAT": "text",
            "PYTHONUNBUFFERED": "1",
            **self.extra,
        }

    def environment(self, role: Role, queue: Queue | None = None, *, name: str | None = None) -> dict[str, str]:
        """The whole environment of a role: this process's own, overruled by `variables`.

        Without PYTHONPATH, so that a role finds what it finds in the image, and without the `X_FILE` twins of the
        variables, which would contradict them.
        """
        ours = self.variables(role, queue, name=name)
        hidden = {"PYTHONPATH", *(f"{variable}_FILE" for variable in ours)}
        return {variable: value for variable, value in os.environ.items() if variable not in hidden} | ours

    def command(self, role: Role, arguments: Sequence[str] = ()) -> list[str]:
        """How a role is started, in the folder APP."""
        # The application listens on every interface, as a pod must; here it stays on this machine.
        own = ["--bind", f"127.0.0.1:{self.web_port}"] if role is Role.WEB else []
        return [sys.executable, "-m", "config", role, *own, *arguments]

    def process(
        self,
        role: Role,
        queue: Queue | None = None,
        *,
        arguments: Sequence[str] = (),
        name: str | None = None,
        grace: float = GRACE,
    ) -> Process:
        """A role's process, not started. `name` tells two of a kind apart; it names the log too."""
        name = name or process_name(role, queue)
        return Process(
            name,
            self.command(role, arguments),
            log=self.folder / "logs" / f"{name}.log",
            environment=self.environment(role, queue, name=name),
            folder=APP,
            grace=grace,
            ties=self.ties,
        )

    def run(self, *command: str) -> str:
        """Run `python -m config <command>` to its end and return its output.

        Raises StackError with what it printed when it fails.
        """
        environment = self.environment(Role.MANAGE)
        done = run([sys.executable, "-m", "config", *command], folder=APP, environment=environment, ties=self.ties)
        if done.returncode != 0:
            printed = "".join(f"\n  {line}" for line in (done.stdout + done.stderr).splitlines()[-30:])
            raise StackError(f"`config {' '.join(command)}` ended with exit code {done.returncode}:{printed}")
        return done.stdout


def process_name(role: Role, queue: Queue | None = None) -> str:
    """`web`, `worker-io`."""
    return f"{role}-{queue}" if queue else str(role)
