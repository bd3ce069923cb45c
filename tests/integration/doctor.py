"""`manage.py doctor` as tests run it."""

from __future__ import annotations

import subprocess
from io import StringIO

import dj_database_url
import pytest
from django.core.management import call_command
from pytest_django import Settings

from config.environment import load
from config.tls import redis_tls, redis_url
from devstack.application import APP, Role
from tests.integration.conftest import Stack
from tests.services import APPLICATION

PLAIN_SETTINGS = (
    "JOB_LEASE", "JOB_LEASE_RENEWAL", "RELAY_INTERVAL", "DISPATCH_OVERDUE", "HEALTH_DIR", "WORKER_QUEUE",
)  # fmt: skip
Lines = dict[str, str]


class Doctor:
    """Runs it with variables over those of web."""

    def __init__(self, stack: Stack, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stack = stack
        self.settings = settings
        self.monkeypatch = monkeypatch

    def __call__(self, *arguments: str, **variables: str) -> tuple[int, Lines]:
        """Its exit code, and its line for each subject: the verdict and what was found."""
        with self.monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            env = load()
            self.settings.CELERY_BROKER_URL = redis_url(env)
            self.settings.CELERY_BROKER_USE_SSL = redis_tls(env)
            for name in PLAIN_SETTINGS:
                setattr(self.settings, name, getattr(env, name.lower()))
            if "DATABASE_URL" in variables:
                # This process stays logged in as it is: what `anew` is for.
                parsed = dj_database_url.parse(variables["DATABASE_URL"])
                for part in ("HOST", "PORT", "OPTIONS"):
                    patch.setitem(self.settings.DATABASES["default"], part, parsed.get(part, {}))
            return run(*arguments)

    def anew(self, **variables: str) -> tuple[int, Lines]:
        """The same in a process of its own, as an operator runs it."""
        done = subprocess.run(
            [*APPLICATION.command(Role.MANAGE), "doctor"],
            cwd=APP,
            env={**APPLICATION.environment(Role.MANAGE), **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, read(done.stdout)

    def fault(self, *arguments: str, **variables: str) -> tuple[str, str]:
        """The one fault that it finds: its subject and its line."""
        return only_fault(*self(*arguments, **variables))


def run(*arguments: str) -> tuple[int, Lines]:
    said, code = StringIO(), 0
    try:
        call_command("doctor", *arguments, stdout=said)
    except SystemExit as end:
        code = int(end.code or 0)
    return code, read(said.getvalue())


def read(said: str) -> Lines:
    lines = [line.split(None, 1) for line in said.splitlines()]
    return {subject: f"{verdict} {found}" for verdict, rest in lines for subject, found in [rest.split(": ", 1)]}


def only_fault(code: int, lines: Lines) -> tuple[str, str]:
    faults = [(subject, line) for subject, line in lines.items() if line.startswith("FAULT")]
    assert len(faults) == 1, lines
    assert code == 1
    return faults[0]
