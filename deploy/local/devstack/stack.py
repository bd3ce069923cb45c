"""The whole stack of a checkout under one supervisor: servers first and last, the application's processes between."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import httpx

from config.acl import ROLES
from config.queues import Queue
from devstack import certificates
from devstack.application import Application, Role
from devstack.console import console, say, step
from devstack.errors import StackError
from devstack.postgres import Postgres
from devstack.processes import NO_TIES, Process, Ties, stop_together
from devstack.programs import install_missing
from devstack.redis import Redis
from devstack.state import Lock, State

# Seconds until web must be ready.
READY = 60.0
POLL = 0.1


def build(state: State, port: Callable[[str], int], ties: Ties = NO_TIES) -> Application:
    """The application and its servers as the state has them; nothing is started.

    `port` is `state.claim_port` for what is about to start and `state.port` for what runs.
    """
    files = certificates.ensure(state.folder / "certificates")
    passwords = {role: state.secret(f"redis-{role}") for role in ROLES}
    logs = state.folder / "logs"
    redis = Redis(state.folder / "redis", port("redis"), passwords, files, log=logs / "redis.log", ties=ties)
    postgres = Postgres(
        state.folder / "postgres", port("postgres"), state.secret("postgres"), log=logs / "postgres.log", ties=ties
    )
    return Application(
        state.folder, redis, postgres, secret_key=state.secret("secret-key"), web_port=port("web"), ties=ties
    )


class Stack:
    """Redis, PostgreSQL, web, relay, beat and a worker per queue."""

    def __init__(self, state: State, application: Application) -> None:
        self.state = state
        self.application = application
        self.redis = application.redis
        self.postgres = application.postgres
        self._web = application.process(Role.WEB)
        workers = {queue: application.process(Role.WORKER, queue) for queue in Queue}
        # All at once would share two cores, and the first job would wait for the last process.
        self._first = [self._web, workers.pop(Queue.HEAVY)]
        self._rest = [application.process(Role.RELAY), application.process(Role.BEAT), *workers.values()]
        self._started: list[Process] = []
        self._parent = os.getppid()

    def start(self) -> None:
        """Start everything, a step at a time. StackError when one fails; what runs by then is for `stop`."""
        with step(f"Redis on port {self.redis.port}, TLS only"):
            self.redis.start()
        with step(f"PostgreSQL on port {self.postgres.port}"):
            self.postgres.start()
        with step("migrations and schedules"):
            self.application.run("migrate")
        self.start_roles()

    def start_roles(self) -> None:
        """Start the application's processes, web and the worker for long jobs ahead of the others."""
        with step("web and the worker of heavy"):
            self._start(self._first)
            self.wait_until_ready()
        with step("the other workers, relay and beat: started"):
            self._start(self._rest)

    def _start(self, processes: Iterable[Process]) -> None:
        for process in processes:
            process.start()
            self._started.append(process)

    def restart_roles(self) -> None:
        """Stop and start the application's processes; the servers run on."""
        self.stop_roles()
        self.start_roles()

    def wait_until_ready(self) -> None:
        """Wait until web says that it is ready. StackError when something ends first or READY seconds pass."""
        deadline = time.monotonic() + READY
        # Not through a proxy that the environment may name.
        with httpx.Client(base_url=self.application.url, timeout=5, trust_env=False) as client:
            while reason := _unready(client):
                self.check()
                if time.monotonic() > deadline:
                    raise StackError(f"web was not ready within {READY:.0f} s ({reason}); {self._web.log_end()}")
                time.sleep(POLL)

    def check(self) -> None:
        """StackError when a process ended by itself, or when the one that started us is gone."""
        for process in (self.redis.process, self.postgres.process, *self._started):
            if not process.running:
                raise process.failure()
        if os.getppid() != self._parent:
            raise StackError(f"the process that started the stack (pid {self._parent}) is gone")

    def log_end(self, name: str) -> str:
        """The last lines of one of the application's processes, by its name."""
        return next(process for process in self._started if process.name == name).log_end()

    def stop_roles(self) -> None:
        """Stop the application's processes; those that do not end in time are killed."""
        stopped, self._started = self._started, []
        if not stop_together(stopped):
            say("some processes were still busy and were killed; their jobs run again when a worker is back")

    def stop(self) -> None:
        """Stop the application, then the servers it needs until its end."""
        self.stop_roles()
        for server in (self.postgres, self.redis):
            server.stop()

    def kill(self) -> None:
        """End everything at once."""
        for process in (*self._first, *self._rest):
            process.kill()
        self.postgres.kill()
        self.redis.kill()


def _unready(client: httpx.Client) -> str | None:
    """Why web is not ready; None when it is."""
    try:
        answer = client.get("/health/ready")
    except httpx.HTTPError as error:
        return str(error)
    return None if answer.is_success else f"status {answer.status_code}: {answer.text[:500]}"


@contextmanager
def running_stack(echo: Callable[[str, str], None] | None = None) -> Iterator[Stack]:
    """This checkout's stack, started on entry and stopped on exit.

    Ctrl-C, TERM and HUP raise KeyboardInterrupt inside; a second one while stopping kills what is left.
    StackError when it is running already or something fails.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    state = State()
    lock = Lock(state.folder)
    with console.status("waiting until the processes of a stack that was killed have ended"):
        lock.acquire()
    try:
        stack = Stack(state, build(state, state.claim_port, Ties(echo=echo, holds=(lock.descriptor,))))
        lock.sign(stack.application.url)
        install_missing(say)
        for log in (state.folder / "logs").glob("*.log"):
            log.unlink()
        try:
            stack.start()
            yield stack
        finally:
            _stop(stack)
    finally:
        lock.release()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _stop(stack: Stack) -> None:
    try:
        with step("stop"):
            stack.stop()
    except KeyboardInterrupt:
        stack.kill()
