"""Verbs for a stack that is running: one more worker, a shell, and the servers' own clients.

Each becomes the program it starts, so the terminal is that program's.
"""

from __future__ import annotations

import os
from typing import NoReturn

from config.queues import Queue
from devstack.application import APP, Application, Role, process_name
from devstack.errors import StackError
from devstack.programs import postgres_program, redis_program
from devstack.stack import build
from devstack.state import Lock, State


def _attached() -> Application:
    """The running stack's application. StackError when none runs."""
    state = State()
    if Lock(state.folder).holder() is None:
        raise StackError("no stack of this checkout is running; start it with `make up` in another terminal")
    return build(state, state.port)


def worker(queue: Queue) -> NoReturn:
    """One more worker for a queue. Ctrl-C lets it finish what it runs."""
    application = _attached()
    name = f"{process_name(Role.WORKER, queue)}-{os.getpid()}"
    command = application.command(Role.WORKER, [f"--hostname={queue}-{os.getpid()}@%h"])
    os.chdir(APP)
    os.execve(command[0], command, application.environment(Role.WORKER, queue, name=name))


def shell() -> NoReturn:
    """Django's shell."""
    application = _attached()
    command = application.command(Role.MANAGE, ["shell"])
    os.chdir(APP)
    os.execve(command[0], command, application.environment(Role.MANAGE))


def redis_cli() -> NoReturn:
    """redis-cli over verified TLS, as the user admin."""
    redis = _attached().redis
    command = [str(redis_program("redis-cli")), "-h", redis.host, "-p", str(redis.port), "--tls"]
    command += ["--cacert", str(redis.certificates.ca), "--user", "admin"]
    os.execve(command[0], command, os.environ | {"REDISCLI_AUTH": redis.password("admin")})


def psql() -> NoReturn:
    """psql in the application's database, as its owner."""
    postgres = _attached().postgres
    command = [str(postgres_program("psql")), f"host={postgres.host} port={postgres.port} dbname=app user=app"]
    os.execve(command[0], command, os.environ | {"PGPASSWORD": postgres.password})
