"""How a process starts, and how it refuses to: exit code 2 and readable lines, no traceback. No server is needed."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config.queues import Queue
from tests.polling import wait_for

APP = Path(__file__).resolve().parents[2] / "app"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "DJANGO_SETTINGS_MODULE": "config.settings.test",
    "REDIS_URL": "rediss://127.0.0.1:1/0",
    "DATABASE_URL": "postgresql://app@127.0.0.1:1/app",
}


def start(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `python <command>` to its end; a variable set to nothing is not set."""
    environment = {name: value for name, value in {**ENVIRONMENT, **variables}.items() if value}
    return subprocess.run(
        [sys.executable, *command], cwd=APP, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.covers(6)
@pytest.mark.parametrize("role", ["web", "worker", "relay", "beat", "migrate", "manage"])
def test_no_role_falls_back_on_a_settings_module(role: str) -> None:
    ended = start("-m", "config", role, DJANGO_SETTINGS_MODULE="")
    assert (ended.returncode, ended.stdout) == (2, "")
    [line] = ended.stderr.splitlines()
    assert line.startswith("DJANGO_SETTINGS_MODULE is not set; it must be config.settings.production")


@pytest.mark.covers(76)
@pytest.mark.parametrize("role", ["web", "worker", "relay", "beat", "migrate", "manage"])
def test_every_role_heeds_being_told_to_stop_before_it_works(role: str, tmp_path: Path) -> None:
    """Not by the kernel's default, which a container's first process does not have."""
    # It has begun to read its settings when this can be opened, and does not go on before it is closed.
    secret = tmp_path / "secret"
    os.mkfifo(secret)
    environment = {**ENVIRONMENT, "SECRET_KEY_FILE": str(secret)}
    process = subprocess.Popen([sys.executable, "-m", "config", role], cwd=APP, env=environment)
    try:
        writer = wait_for(lambda: opened(secret), 60, what="the process reads its settings")
        process.terminate()
        os.close(writer)
        assert process.wait(10) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()


def opened(pipe: Path) -> int | None:
    """A descriptor by which to write to it, once somebody reads."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return None


@pytest.mark.covers(6)
def test_celerys_own_command_line_does_not_fall_back_either() -> None:
    ended = start("-m", "celery", "--app=config.celery", "report", DJANGO_SETTINGS_MODULE="")
    assert ended.returncode != 0
    assert "DJANGO_SETTINGS_MODULE is not set" in ended.stderr


@pytest.mark.covers(6)
def test_the_developers_command_line_has_the_local_settings() -> None:
    ended = start(
        "manage.py", "shell", "--no-imports", "-c", "from django.conf import settings; print(settings.SETTINGS_MODULE)",
        DJANGO_SETTINGS_MODULE="", SECRET_KEY="x" * 50, ALLOWED_HOSTS="*", REDIS_CA_PATH=str(APP / "manage.py"),
    )  # fmt: skip
    assert ended.stdout.split() == ["config.settings.local"], ended.stderr


@pytest.mark.covers(6)
def test_faults_of_the_environment_are_lines_and_no_traceback() -> None:
    ended = start("-m", "config", "relay", JOB_LEASE="soon", WEB_PORT="http")
    assert ended.returncode == 2
    assert [line.split()[0] for line in ended.stderr.splitlines()] == ["JOB_LEASE", "WEB_PORT"]


@pytest.mark.parametrize("arguments", [[], ["wroker"]])
def test_an_unknown_role_is_answered_with_those_that_there_are(arguments: list[str]) -> None:
    ended = start("-m", "config", *arguments)
    assert ended.returncode == 2
    said = ended.stderr.splitlines()
    assert said[0].startswith(f"the role was {arguments[0]!r}" if arguments else "the role was not given")
    assert [line.split()[0] for line in said[1:]] == ["web", "worker", "relay", "beat", "migrate", "manage"]


@pytest.mark.covers(125)
def test_a_worker_without_a_queue_is_refused() -> None:
    ended = start("-m", "config", "worker")
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == ["WORKER_QUEUE is not set; it must name the queue that this worker serves"]


@pytest.mark.covers(125)
def test_a_worker_with_an_unknown_queue_is_refused() -> None:
    ended = start("-m", "config", "worker", WORKER_QUEUE="defualt")
    assert ended.returncode == 2
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"WORKER_QUEUE was 'defualt' (no such queue); it must be one of {', '.join(Queue)}")


@pytest.mark.covers(125)
@pytest.mark.parametrize("served", ["heavy", "default,heavy"])
def test_a_worker_cannot_be_made_to_serve_another_queue(served: str) -> None:
    """Its settings were made for one: limits, visibility timeout and the name of its in-flight hash."""
    ended = start("-m", "config", "worker", f"--queues={served}", WORKER_QUEUE="default")
    assert ended.returncode not in (0, None)
    assert f"the worker was to serve {served.replace(',', ', ')}; its environment says WORKER_QUEUE=default" in (
        ended.stderr + ended.stdout
    )
    assert "Traceback" not in ended.stderr


@pytest.mark.covers(121, 125)
def test_a_worker_cannot_be_made_to_serve_a_queue_that_is_not_in_the_list() -> None:
    ended = start("-m", "config", "worker", "--queues=defualt", WORKER_QUEUE="default")
    assert ended.returncode not in (0, None)
    assert "defualt" in ended.stderr + ended.stdout


@pytest.mark.covers(14)
def test_a_worker_that_knows_a_plain_task_without_a_queue_refuses_to_start(tmp_path: Path) -> None:
    app = tmp_path / "stray"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "tasks.py").write_text("from celery import shared_task\n\n@shared_task\ndef lost(): ...\n")
    (tmp_path / "stray_settings.py").write_text(
        "from config.settings.test import *\nINSTALLED_APPS = [*INSTALLED_APPS, 'stray']\n"
    )
    ended = start(
        "-m", "config", "worker",
        WORKER_QUEUE="default", DJANGO_SETTINGS_MODULE="stray_settings", PYTHONPATH=str(tmp_path),
    )  # fmt: skip
    assert ended.returncode not in (0, None)
    said = "the task stray.tasks.lost has the queue None; it must be runs_on=one of critical, default, heavy"
    assert said in ended.stderr + ended.stdout
