"""One program, six roles: `python -m config web|worker|relay|beat|migrate|manage …`.

Settings that are missing or malformed end it with one line each and exit code 2.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured


def web(arguments: list[str]) -> None:
    """Answer HTTP until told to stop."""
    from gunicorn.app.wsgiapp import WSGIApplication

    _load_settings()
    sys.argv = ["gunicorn", "--config", "python:config.gunicorn", *arguments, "config.wsgi"]
    WSGIApplication("%(prog)s [OPTIONS]", prog="gunicorn").run()


def worker(arguments: list[str]) -> None:
    """Run the jobs and tasks of the queue that WORKER_QUEUE names."""
    if {"-B", "--beat"} & set(arguments):
        raise ImproperlyConfigured("a worker was to run Beat too; every worker would: run `python -m config beat` once")
    _load_settings()
    _skip_checks()
    from config.celery import app
    from config.worker import worker_arguments

    app.worker_main(["--quiet", "worker", *worker_arguments(), *arguments])


def relay(arguments: list[str]) -> None:
    """Repair: dispatch what is due or was lost, give up attempts whose lease ran out."""
    _command("relay", arguments)


def beat(arguments: list[str]) -> None:
    """Create the jobs that schedules ask for."""
    _load_settings()
    _skip_checks()
    from config.celery import app

    app.start(["--quiet", "beat", "--pidfile=", *arguments])


def migrate(arguments: list[str]) -> None:
    """Bring the database to this version's schema and schedules, if Django's checks find no fault in it."""
    _command("deploy", arguments, skip_checks=False)


def manage(arguments: list[str]) -> None:
    """Run a Django management command."""
    from django.core.management import execute_from_command_line

    _load_settings()
    execute_from_command_line(["manage.py", *arguments])


def _command(name: str, arguments: list[str], *, skip_checks: bool = True) -> None:
    """Run a management command as a role: what goes wrong is logged, and nothing is printed."""
    import django
    from django.core.management import call_command

    _load_settings()
    django.setup()
    call_command(name, *arguments, skip_checks=skip_checks)


ROLES: dict[str, Callable[[list[str]], None]] = {
    role.__name__: role for role in (web, worker, relay, beat, migrate, manage)
}


def _load_settings() -> None:
    """Fail before anything else does, and readably."""
    if not os.environ.get("DJANGO_SETTINGS_MODULE"):
        raise ImproperlyConfigured(
            "DJANGO_SETTINGS_MODULE is not set; it must be config.settings.production (or local, or test)"
        )
    from django.conf import settings

    from config import logs, tracker

    logs.configure(settings.LOGGING)
    tracker.start()


def _skip_checks() -> None:
    """Django's checks import every view, a quarter of a worker's start, and `migrate` has made them."""
    os.environ["CELERY_SKIP_CHECKS"] = "1"


def end(number: int, _: Any) -> None:
    """Stop. Each role has a handler of its own once it works; until then this one.

    A container's first process gets no signal that it does not handle: a worker that was told to stop while it started
    would take work until it is killed.
    """
    sys.exit(128 + number)


def main(argv: list[str]) -> int:
    """Run the role that the first argument names."""
    if not argv or argv[0] not in ROLES:
        given = repr(argv[0]) if argv else "not given"
        print(f"the role was {given}; it must be one of:", file=sys.stderr)
        for name, role in ROLES.items():
            print(f"  {name:8} {(role.__doc__ or '').splitlines()[0]}", file=sys.stderr)
        return 2
    try:
        ROLES[argv[0]](argv[1:])
    except ImproperlyConfigured as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end)
    sys.exit(main(sys.argv[1:]))
