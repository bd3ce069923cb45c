"""What real processes write: one JSON object a line, the ids of requests and jobs on them, and no secret."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
import structlog

from accounts.models import ApiToken, User
from config.celery import app
from config.queues import Queue
from devstack.application import Role
from devstack.processes import Process
from jobs.models import Job
from jobs.states import State
from tests.integration.conftest import Stack
from tests.polling import wait_for
from tests.services import APPLICATION
from tests.testapp.tasks import Echo, Trouble, echo, plain, plain_greedy, trouble

SECRET = "hunter2-hunter2"
JSON = {"LOG_FORMAT": "json"}


def lines_of(process: Process) -> list[dict[str, Any]]:
    """Its lines as objects, each of the one shape; without the one that a running process is writing."""
    running = process.running
    text, _, begun = process.log.read_text().rpartition("\n")
    assert running or not begun, f"{process.name} broke off: {begun!r}"
    lines = []
    for line in text.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            pytest.fail(f"{process.name} wrote a line that is no JSON: {line!r}")
    for one in lines:
        assert all(isinstance(one.get(key), str) and one[key] for key in ("timestamp", "level", "logger", "event")), one
    return lines


def events(process: Process) -> list[str]:
    return [line["event"] for line in lines_of(process)]


def answers() -> bool:
    try:
        return httpx.get(f"{APPLICATION.url}/health/live").is_success
    except httpx.HTTPError:
        return False


def start_web(stack: Stack, **variables: str) -> Process:
    web = stack.web(**JSON, **variables)
    wait_for(answers, 30, what="web answers")
    return web


def start_worker(stack: Stack, queue: Queue = Queue.DEFAULT, **variables: str) -> Process:
    worker = stack.worker(queue, ready=False, **JSON, **variables)
    wait_for(lambda: f"{queue}@" in worker.log.read_text(), 30, what=f"{worker.name} ready")
    return worker


def migrate(stack: Stack, **variables: str) -> Process:
    """Run the role that ends by itself."""
    process = APPLICATION.process(Role.MANAGE, name="migrate")
    process.log.unlink(missing_ok=True)
    process.command = [*process.command[:-1], "migrate"]
    process.environment = {**(process.environment or {}), **JSON, **variables}
    stack.processes.append(process)
    process.start()
    assert process.wait(30)
    return process


def talk_nonsense() -> None:
    """To web, which answers before any of Django's code runs."""
    with socket.create_connection(("127.0.0.1", APPLICATION.web_port), timeout=5) as connection:
        connection.sendall(b"GET /?token=" + SECRET.encode() + b"\r\n\r\n")
        assert b"400 Bad Request" in connection.recv(1000)


@pytest.mark.covers(47)
def test_every_line_of_every_role_is_one_json_object_of_one_shape(stack: Stack) -> None:
    """Through a start, work, every kind of trouble and a stop: gunicorn's and Celery's lines too, and warnings."""
    web, relay, beat = start_web(stack), stack.relay(**JSON), stack.beat(**JSON)
    worker, threads = start_worker(stack), start_worker(stack, Queue.IO)
    migrating = migrate(stack)
    httpx.get(f"{APPLICATION.url}/api/v1/jobs")
    talk_nonsense()
    plain.delay()
    plain_greedy.delay("no number")
    troubles = ("transient", "permanent", "unforeseen", "memory", "system exit", "gone")
    jobs = [trouble.enqueue(Trouble(raises=kind, until_attempt=2)) for kind in troubles]
    jobs += [trouble.enqueue(Trouble(signals=9, until_attempt=2)), echo.enqueue(Echo(text="a"))]
    stack.ended(jobs, 40)
    for process in stack.processes:
        assert process.wait(0) or process.stop(), process.failure()
        assert process.exit_code == 0, process.failure()
    assert {"Booting worker with pid", "Invalid request from ip=127.0.0.1", "Shutting down", "request"} <= {
        event.split(":")[0] for event in events(web)
    }
    assert {"relay started", "relay stopped"} <= set(events(relay))
    assert "beat: Starting..." in events(beat)
    said = {"job started", "job succeeded", "job failed", "job dead", "job lost", "worker: Warm shutdown (MainProcess)"}
    assert said <= set(events(worker))
    assert any("exited with 'signal 9 (SIGKILL)'" in event for event in events(worker))
    assert any("plain_greedy" in event and "TypeError" in event for event in events(worker))
    assert any(event.startswith("io@") for event in events(threads))
    assert {"No migrations to apply.", "the database is current"} <= set(events(migrating))


@pytest.mark.covers(117)
def test_the_level_is_each_processs_own(stack: Stack) -> None:
    quiet = stack.worker(ready=False, **JSON, LOG_LEVEL="ERROR")
    worker = start_worker(stack, Queue.IO, LOG_LEVEL="DEBUG")
    stack.ended([echo.enqueue(Echo(text="a"))], 30)
    plain_greedy.delay("no number")
    wait_for(lambda: "plain_greedy" in quiet.log.read_text(), 30, what="the failed task's line")
    assert {line["level"] for line in lines_of(quiet)} == {"error"}
    assert "debug" in {line["level"] for line in lines_of(worker)}


def ask_for_trouble(token: str, request_id: str) -> Job:
    """Over HTTP, for a job whose first attempt fails."""
    answer = httpx.post(
        f"{APPLICATION.url}/api/v1/jobs",
        json={"type": "testapp.trouble", "payload": {"raises": "transient", "until_attempt": 2}},
        headers={"Authorization": f"Bearer {token}", "X-Request-ID": request_id},
    )
    assert answer.status_code == 202, answer.text
    assert answer.headers["X-Request-ID"] == request_id
    return Job.objects.get(id=answer.json()["id"])


def told(lines: Iterable[dict[str, Any]], request_id: str) -> list[tuple[Any, ...]]:
    """The lines in which one would look for a request's id: the event, the job and the attempt of each."""
    found = [line for line in lines if line.get("request_id") == request_id]
    return [(line["event"], line.get("job_id"), line.get("attempt")) for line in found]


@pytest.mark.covers(48)
def test_a_requests_id_is_on_every_line_of_it_and_of_its_job_through_loss_of_the_message_and_retry(
    stack: Stack,
) -> None:
    web, relay = start_web(stack), stack.relay(**JSON)
    _, token = ApiToken.issue(User.objects.create(username="ada"), "tests")
    job = ask_for_trouble(token, "call-7")
    assert told(lines_of(web), "call-7") == [("job created", str(job.id), None), ("request", None, None)]
    with stack.redis.client() as client:
        assert client.delete("default") == 1
    wait_for(lambda: told(lines_of(relay), "call-7"), 30, what="the relay sent the message again")
    assert told(lines_of(relay), "call-7") == [("message sent again", str(job.id), None)]
    worker = start_worker(stack)
    other = ask_for_trouble(token, "call-8")
    ended = stack.ended([job, other], 30)
    assert [(one.state, one.attempt) for one in ended.values()] == [(State.SUCCEEDED, 2)] * 2
    for request_id, asked in (("call-7", job), ("call-8", other)):
        steps = [("job started", 1), ("job failed", 1), ("job started", 2), ("job succeeded", 2)]
        wait_for(lambda one=request_id: len(told(lines_of(worker), one)) == 4, 30, what="four lines of the attempts")
        # Each attempt's child writes its own lines: those of two attempts may come in any order.
        seen = sorted(told(lines_of(worker), request_id), key=lambda one: one[2])
        assert seen == [(event, str(asked.id), attempt) for event, attempt in steps]


@pytest.mark.covers(48)
def test_a_requests_id_is_on_what_the_guard_and_the_relay_say_of_a_lost_attempt(stack: Stack) -> None:
    start_web(stack)
    relay, worker = stack.relay(**JSON), start_worker(stack)
    with structlog.contextvars.bound_contextvars(request_id="call-9"):
        with_id = [
            trouble.enqueue(Trouble(signals=9, until_attempt=2)),
            trouble.enqueue(Trouble(raises="system exit", until_attempt=2)),
        ]
    stack.ended(with_id, 30)

    def lost() -> set[tuple[str, str]]:
        lines = (*lines_of(worker), *lines_of(relay))
        return {(line["request_id"], line["job_id"]) for line in lines if line["event"] == "job lost"}

    wait_for(lambda: len(lost()) == 2, 30, what="both losses were told")
    assert lost() == {("call-9", str(job.id)) for job in with_id}


@pytest.mark.covers(82)
@pytest.mark.parametrize("form", ["json", "text"])
def test_no_role_tells_a_secret_wherever_it_was_planted(stack: Stack, form: str) -> None:
    """On DEBUG, where everybody tells most."""
    loud = {
        "DJANGO_SETTINGS_MODULE": "tests.testapp.planted",
        "PLANTED": SECRET,
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": form,
    }
    with stack.redis.client() as client:
        plain_greedy.delay(SECRET)
        message = json.loads(client.lindex("default", 0))
        client.lpush("default", json.dumps(message | {"body": base64.b64encode(f'["{SECRET}'.encode()).decode()}))
    app.send_task("nobody.knows", args=[SECRET], kwargs={"a": SECRET}, queue="default")
    web = stack.web(**loud)
    wait_for(answers, 30, what="web answers")
    httpx.get(f"{APPLICATION.url}/api/v1/jobs?token={SECRET}", headers={"Authorization": f"Bearer {SECRET}"})
    talk_nonsense()
    processes = [web, migrate(stack, **loud), stack.relay(**loud), stack.beat(**loud)]
    worker = stack.worker(ready=False, **loud)
    echo.enqueue(Echo(text="a"))
    wait_for(lambda: stack.messages() == stack.in_flight() == 0, 30, what="the worker has taken every message")
    for process in (*processes, worker):
        wait_for(lambda one=process: "planted: traceback" in one.log.read_text(), 30, what=f"{process.name} told all")
    for process in (*processes, worker):
        process.stop()
        text = process.log.read_text()
        assert text.count("planted: ") >= 9, text
        assert text.count("Traceback") >= 2, text
        for secret in (SECRET, APPLICATION.secret_key, stack.redis.password("worker"), stack.postgres.password):
            shown = [line for line in text.splitlines() if secret in line]
            assert not shown, f"{process.name} told {secret!r}: {shown}"
    text = worker.log.read_text()
    assert "nobody.knows" in text
    assert "a message cannot be read" in text
    assert "plain_greedy" in text
