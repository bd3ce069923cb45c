"""The servers of a run: Redis over TLS as the application has it, a plain one for others, a PostgreSQL that waits for
the disk. All on loopback, in a folder of their own, gone at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis

from config.acl import ROLES
from devstack import certificates
from devstack.application import Application, Role
from devstack.ports import free_port
from devstack.postgres import Postgres
from devstack.processes import Process
from devstack.programs import redis_program
from devstack.redis import Redis

ROOT = Path(__file__).resolve().parents[1]
PATHS = os.pathsep.join(map(str, (ROOT / "app", ROOT / "deploy" / "local", ROOT)))


class PlainRedis(Redis):
    """Redis as it comes: plain TCP, no users, nothing kept on disk."""

    name = "plain-redis"

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}/0"

    def prepare(self) -> Process:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [str(redis_program()), "--port", str(self.port), "--save", "", "--bind", self.host]
        return Process(self.name, command, log=self.log, folder=self.folder)

    def client(self, role: str = "") -> redis.Redis:
        """Whoever asks may do everything."""
        return redis.Redis.from_url(self.url)

    def silence(self) -> str | None:
        try:
            self.client().ping()
        except redis.RedisError as error:
            return str(error)
        return None


@dataclass(frozen=True)
class Servers:
    """Running servers, and what processes need to know of them."""

    folder: Path
    redis: Redis
    plain_redis: PlainRedis
    postgres: Postgres
    application: Application

    @property
    def trace(self) -> Path:
        return self.folder / "trace"

    @property
    def rivals_url(self) -> str:
        """A database of procrastinate's own."""
        return self.postgres.url.rsplit("/", 1)[0] + "/rival"

    def clear(self) -> None:
        """Take back what was sent and not done, so that a part begins with nothing waiting."""
        with psycopg.connect(self.postgres.url, autocommit=True) as database:
            database.execute("TRUNCATE jobs_job, jobs_jobevent CASCADE")
        with psycopg.connect(self.rivals_url, autocommit=True) as database:
            database.execute("TRUNCATE procrastinate_jobs CASCADE")
        for server in (self.redis, self.plain_redis):
            with server.client() as client:
                client.flushall()

    def environment(self, **more: str) -> dict[str, str]:
        """What every process of a run gets."""
        return {
            **self.application.environment(Role.MANAGE),
            "PYTHONPATH": PATHS,
            "BENCH_TRACE": str(self.trace),
            "BENCH_REDIS_URL": self.plain_redis.url,
            "BENCH_PROCRASTINATE_URL": self.rivals_url,
            **more,
        }

    def run(self, *command: str, **more: str) -> str:
        """Run a Python module to its end and return what it printed. Raises CalledProcessError."""
        return subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, env=self.environment(**more), check=True, text=True,
            stdout=subprocess.PIPE,
        ).stdout  # fmt: skip

    def figures(self, *command: str, **more: str) -> Any:
        """What a Python module measured: the JSON in the last line that it prints; log lines stand above."""
        return json.loads(self.run(*command, **more).splitlines()[-1])


@contextmanager
def servers() -> Iterator[Servers]:
    """Start them, with the schemas laid."""
    folder = Path(tempfile.mkdtemp(prefix="benchmarks-"))
    folder.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        made = certificates.make(folder / "certificates")
        passwords = {role: f"{role}-password" for role in ROLES}
        with_tls = stack.enter_context(Redis(folder / "redis", free_port(), passwords, made))
        plain = stack.enter_context(PlainRedis(folder / "plain", free_port(), {}, made))
        postgres = Postgres(folder / "postgres", free_port(), "database-password")
        stack.enter_context(postgres)
        stack.callback(postgres.remove)
        application = Application(
            folder,
            with_tls,
            postgres,
            secret_key="only-for-benchmarks-" * 3,
            web_port=free_port(),
            settings="benchmarks.settings",
            extra={"PYTHONPATH": PATHS, "LOG_FORMAT": "json", "BENCH_TRACE": str(folder / "trace")},
        )
        application.run("migrate")
        with psycopg.connect(postgres.url, autocommit=True) as database:
            database.execute("CREATE DATABASE rival")
        ready = Servers(folder, with_tls, plain, postgres, application)
        ready.run("benchmarks.rivals.procrastinate_app", "schema")
        yield ready
