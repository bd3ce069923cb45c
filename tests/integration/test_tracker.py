"""What Sentry is told, by a server that takes what Sentry's own would: one event for each death, and no secret."""

from __future__ import annotations

import gzip
import json
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from jobs.models import Job
from jobs.states import Reason, State
from tests.integration.conftest import Stack, give_back_often
from tests.integration.test_logs import SECRET, answers
from tests.polling import wait_for
from tests.services import APPLICATION
from tests.testapp.tasks import Echo, Module, Trouble, echo, has_imported, trouble

# Somebody's data, in a payload.
DATA = "ada@example.com"


class Sentry(ThreadingHTTPServer):
    """Keeps every envelope that comes to the endpoint of project 7, unpacked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Envelopes)
        self.envelopes: list[str] = []

    @property
    def dsn(self) -> str:
        return f"http://public-key-of-ours@127.0.0.1:{self.server_port}/7"

    def events(self) -> list[dict[str, Any]]:
        """Of each envelope the items that are events: every second line after the first is one, behind its header."""
        found = []
        for envelope in self.envelopes:
            lines = [json.loads(line) for line in envelope.splitlines() if line]
            found += [body for header, body in zip(lines[1::2], lines[2::2], strict=True) if header["type"] == "event"]
        return found

    def told(self, number: int) -> list[dict[str, Any]]:
        """Wait for so many events, and return what has come."""
        wait_for(lambda: len(self.events()) >= number, 30, what=f"{number} events at Sentry")
        return self.events()


class Envelopes(BaseHTTPRequestHandler):
    server: Sentry

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        packed = self.headers.get("Content-Encoding") == "gzip"
        assert self.path == "/api/7/envelope/", self.path
        self.server.envelopes.append((gzip.decompress(body) if packed else body).decode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    with Sentry() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.covers(49)
@pytest.mark.parametrize("is_set", [False, True])
def test_sentry_is_imported_only_where_it_is_told(stack: Stack, sentry: Sentry, is_set: bool) -> None:
    stack.worker(**({"SENTRY_DSN": sentry.dsn} if is_set else {}))
    job = has_imported.enqueue(Module(name="sentry_sdk"))
    assert stack.ended([job], 30)[job.id].result is is_set
    assert sentry.envelopes == []


@pytest.mark.covers(49, 54)
def test_a_death_is_one_event_and_retries_are_none(stack: Stack, sentry: Sentry) -> None:
    stack.relay(SENTRY_DSN=sentry.dsn)
    worker = stack.worker(SENTRY_DSN=sentry.dsn, SENTRY_ENVIRONMENT="staging", SENTRY_RELEASE="1.2.3")
    saved = trouble.enqueue(Trouble(raises="transient", until_attempt=3, result=DATA))
    vanished = trouble.enqueue(Trouble(signals=9, until_attempt=2, result=DATA))
    gone = trouble.enqueue(Trouble(raises="gone", result=DATA))
    ended = stack.ended([saved, vanished, gone], 30)
    assert [(ended[job.id].state, ended[job.id].attempt) for job in (saved, vanished, gone)] == [
        (State.SUCCEEDED, 3), (State.SUCCEEDED, 2), (State.SUCCEEDED, 1)
    ]  # fmt: skip
    died = trouble.enqueue(Trouble(raises="unforeseen", result=DATA))
    dead = stack.ended([died], 30)[died.id]
    [event] = sentry.told(1)
    tags = {"job_id": str(died.id), "job_type": "testapp.trouble", "queue": "default", "attempt": "1"}
    assert event["tags"].items() >= {**tags, "reason": "failed"}.items()
    assert (event["environment"], event["release"], event["level"]) == ("staging", "1.2.3", "error")
    assert event["fingerprint"] == ["testapp.trouble", dead.fingerprint]
    [raised] = event["exception"]["values"]
    assert (raised["type"], raised["value"]) == ("ValueError", "password=*** in the message")
    assert raised["stacktrace"]["frames"][-1]["function"] == "trouble"
    worker.stop()
    assert len(sentry.envelopes) == 1, "what came after the event, until the worker's end"
    for hidden in (DATA, "hunter2", "vars", APPLICATION.secret_key, stack.redis.password("worker")):
        assert hidden not in sentry.envelopes[0].replace("public-key-of-ours", ""), hidden


@pytest.mark.covers(49, 54)
def test_a_death_without_an_exception_is_told_too_by_whoever_writes_it_down(stack: Stack, sentry: Sentry) -> None:
    """The guard writes the third loss of a killed child, the relay that of a worker which says nothing more."""
    worker = stack.worker(SENTRY_DSN=sentry.dsn, JOB_LEASE="15")
    stack.relay(SENTRY_DSN=sentry.dsn)
    killed, silent = (trouble.enqueue(Trouble(signals=one, result=DATA)) for one in (signal.SIGKILL, signal.SIGSTOP))
    Job.objects.filter(id__in=[killed.id, silent.id]).update(losses=2)
    stack.ended([killed], 30)
    sentry.told(1)  # the guard's own has left: what a process has not sent dies with it
    stack.running(silent)
    worker.kill()
    assert {one.state for one in stack.ended([killed, silent], 60).values()} == {State.DEAD}
    events = sentry.told(2)
    assert {event["tags"]["job_id"] for event in events} == {str(killed.id), str(silent.id)}
    assert {event["tags"]["reason"] for event in events} == {"lost"}
    assert {event["message"] for event in events} == {
        "testapp.trouble died: the attempt's process vanished, 3 times",
        "testapp.trouble died: the attempt's worker vanished, 3 times",
    }
    assert DATA not in str(sentry.envelopes)


@pytest.mark.covers(49)
def test_a_payload_that_no_longer_fits_is_not_quoted(stack: Stack, sentry: Sentry) -> None:
    job = echo.enqueue(Echo(text="a"))
    Job.objects.filter(id=job.id).update(payload={"text": [DATA], "more": DATA})
    give_back_often(job, Reason.INVALID)
    stack.worker(SENTRY_DSN=sentry.dsn)
    assert stack.ended([job], 30)[job.id].reason == Reason.INVALID
    [event] = sentry.told(1)
    assert event["exception"]["values"][-1]["value"] == "2 validation errors for Echo"
    assert DATA not in str(sentry.envelopes)


@pytest.mark.covers(49, 82)
def test_an_unforeseen_error_of_web_is_one_event_without_a_secret(stack: Stack, sentry: Sentry) -> None:
    stack.web(DJANGO_SETTINGS_MODULE="tests.testapp.planted", PLANTED=SECRET, SENTRY_DSN=sentry.dsn)
    wait_for(answers, 30, what="web answers")
    headers = {"Authorization": f"Bearer {SECRET}", "Cookie": f"a={SECRET}", "X-Request-ID": "call-1"}
    assert httpx.get(f"{APPLICATION.url}/nowhere?token={SECRET}").status_code == 404
    answer = httpx.post(f"{APPLICATION.url}/api/v1/jobs?token={SECRET}", json={"password": SECRET}, headers=headers)
    assert answer.status_code == 500
    [event] = sentry.told(1)
    assert event["tags"]["request_id"] == "call-1"
    assert event["exception"]["values"][-1]["type"] == "Planted"
    assert SECRET not in sentry.envelopes[0]


@pytest.mark.covers(49)
def test_jobs_end_as_well_where_sentry_is_away(stack: Stack) -> None:
    worker = stack.worker(SENTRY_DSN="http://key@127.0.0.1:9/7")
    jobs = [trouble.enqueue(Trouble(raises="permanent")) for _ in range(20)]
    jobs.append(echo.enqueue(Echo(text="a")))
    states = [one.state for one in stack.ended(jobs, 30).values()]
    assert (states.count(State.DEAD), states.count(State.SUCCEEDED)) == (20, 1)
    assert worker.running
