"""A PostgreSQL on loopback: passwords (SCRAM), TCP only, a database and an owner for the application.

    with Postgres(folder, free_port(), "secret", durable=False) as postgres:
        psycopg.connect(postgres.url)

PostgreSQL refuses to run as root. When we are root it runs as `postgres` (`nobody` where there is no such user), by
`setpriv`. If that user cannot reach the folder, the data stand in the system's temporary folder and `folder/data` is a
link to them.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg import sql

from devstack import tether
from devstack.errors import StackError
from devstack.processes import NO_TIES, Process, Ties
from devstack.programs import postgres_program, postgres_version
from devstack.server import POLL, Server

SUPERUSER = "postgres"
APPLICATION = "app"
# Seconds for the checkpoint at the end, and for backends to go after a crash.
STOP = 20.0
CRASH = 5.0


class Postgres(Server):
    """PostgreSQL with the database `app`, owned by the user `app`, who may create more databases (for tests).

    `durable=False` is for tests: it does not wait for the disk, so it survives its own crash but not the machine's.
    """

    name = "postgres"

    def __init__(
        self,
        folder: Path,
        port: int,
        password: str,
        *,
        durable: bool = True,
        log: Path | None = None,
        ties: Ties = NO_TIES,
    ) -> None:
        super().__init__(folder, port, log=log, ties=ties)
        self.password = password
        self.durable = durable

    @property
    def url(self) -> str:
        """The application's database, as its owner."""
        return f"postgresql://{APPLICATION}:{self.password}@{self.host}:{self.port}/{APPLICATION}"

    @property
    def admin_url(self) -> str:
        """The same database, as the superuser."""
        return f"postgresql://{SUPERUSER}:{self.password}@{self.host}:{self.port}/{APPLICATION}"

    def start(self) -> None:
        super().start()
        self._create_application()

    def silence(self) -> str | None:
        """Why the superuser cannot log in."""
        try:
            self._connect().close()
        except psycopg.OperationalError as error:
            return str(error)
        return None

    def kill(self) -> None:
        """End it as a crash would: every process at once, and wait until none is left (they share memory)."""
        if not self._process or not self._process.running:
            return
        self._process.pause()
        family = tether.descendants(self._process.pid)
        for pid in family:
            tether.send(pid, signal.SIGKILL)
        super().kill()
        deadline = time.monotonic() + CRASH
        while any(tether.alive(pid) for pid in family) and time.monotonic() < deadline:
            time.sleep(POLL)

    def pause(self) -> None:
        """Freeze it, and every backend: each has a process of its own."""
        self.process.pause()
        for pid in tether.descendants(self.process.pid):
            tether.send(pid, signal.SIGSTOP)

    def resume(self) -> None:
        if self.process.running:
            for pid in tether.descendants(self.process.pid):
                tether.send(pid, signal.SIGCONT)
        self.process.resume()

    def remove(self) -> None:
        """Stop it and delete its data, wherever they are."""
        self.stop()
        data = self.folder / "data"
        if data.is_symlink():
            shutil.rmtree(data.resolve().parent)
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def prepare(self) -> Process:
        data = self._data()
        settings = {
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
        }
        command = [str(postgres_program()), "-D", str(data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return Process(
            self.name,
            [*as_server_user(), *command],
            log=self.log,
            folder=data,
            environment=os.environ | {"LC_ALL": "C"},
            stop_signal=signal.SIGINT,
            grace=STOP,
            ties=self.ties,
        )

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=SUPERUSER,
            password=self.password,
            dbname="postgres",
            connect_timeout=2,
            autocommit=True,
        )

    def _create_application(self) -> None:
        with self._connect() as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [APPLICATION]).fetchone():
                return
            owner = sql.Identifier(APPLICATION)
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(owner, sql.Literal(self.password))
            )
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(owner, owner))

    def _data(self) -> Path:
        """The folder of the data, made if need be."""
        data = self.folder / "data"
        if not data.exists():
            self._make_data(data)
        _check_version(data)
        return data.resolve()

    def _make_data(self, data: Path) -> None:
        home = reachable(self.folder)
        fresh, final = home / "data.new", home / "data"
        # What is left of an initdb that did not end, or of a checkout that was deleted without this.
        for leftover in (fresh, final):
            shutil.rmtree(leftover, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if user := server_user():
            os.chown(fresh, user.pw_uid, user.pw_gid)
        self._initdb(fresh)
        fresh.rename(final)
        if home != self.folder:
            data.unlink(missing_ok=True)
            data.symlink_to(final)

    def _initdb(self, data: Path) -> None:
        command = [*as_server_user(), str(postgres_program("initdb")), "-D", str(data), "-U", SUPERUSER]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--pwfile=/dev/fd/0"]
        if not self.durable:
            command.append("--no-sync")
        with tempfile.TemporaryFile() as password:
            password.write(self.password.encode())
            password.seek(0)
            if user := server_user():
                os.fchown(password.fileno(), user.pw_uid, user.pw_gid)
            done = subprocess.run(command, stdin=password, capture_output=True, text=True, check=False, cwd="/")
        if done.returncode != 0:
            raise StackError(f"initdb failed with exit code {done.returncode}:\n  {done.stderr.strip()}")


def server_user() -> pwd.struct_passwd | None:
    """Who PostgreSQL runs as when we are root; None when it runs as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise StackError("PostgreSQL cannot run as root, and there is neither a user postgres nor nobody; add one")


def as_server_user() -> list[str]:
    """What to put before a command so that the server's user runs it."""
    user = server_user()
    if user is None:
        return []
    if not shutil.which("setpriv"):
        raise StackError("PostgreSQL cannot run as root and setpriv is missing; install util-linux or be another user")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]


def reachable(folder: Path) -> Path:
    """The folder itself where the server's user can reach it, else its twin in the system's temporary folder.

    The twin's name is made from the folder's path: always the same, and not that of another checkout.
    """
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    twin = Path(tempfile.gettempdir()) / f"local-stack-{digest}"
    for candidate in (folder, twin):
        candidate.mkdir(parents=True, exist_ok=True)
        if candidate.is_symlink() or candidate.stat().st_uid != os.geteuid():
            raise StackError(f"{candidate} is somebody else's; it must be ours: delete it")
        candidate.chmod(0o755)
        if subprocess.run([*as_server_user(), "test", "-x", str(candidate)], check=False, cwd="/").returncode == 0:
            return candidate
    raise StackError(
        f"PostgreSQL's user can reach neither {folder} nor {twin}; set TMPDIR to a folder that it can reach"
    )


def _check_version(data: Path) -> None:
    made_by = int((data / "PG_VERSION").read_text())
    if made_by != postgres_version():
        raise StackError(
            f"the data in {data} were made by PostgreSQL {made_by} and {postgres_program()} is {postgres_version()}; "
            "the two must be the same: delete the data with `make clean`"
        )
