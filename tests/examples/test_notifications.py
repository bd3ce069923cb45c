"""Webhooks and mail, against a web server and a mail server that fail on purpose."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from django.conf import LazySettings
from django.utils import timezone

from accounts.models import User
from config.queues import Queue
from devstack.ports import free_port
from examples import outside
from examples.notifications import services
from examples.notifications.models import Endpoint
from examples.notifications.schemas import MailRequest, WebhookRequest
from examples.notifications.tasks import send_mail, send_webhook
from jobs.models import Job
from jobs.running import RunningJob
from jobs.states import Reason, State
from tests.examples.servers import Answer, Asked, MailServer, OtherSystem
from tests.integration.conftest import Stack
from tests.polling import wait_for

Run = Callable[..., Job]
Attempt = Callable[..., RunningJob]
MakeEndpoint = Callable[..., Endpoint]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def closed_circuits() -> None:
    outside.breaker_of.cache_clear()


@pytest.fixture
def endpoint(alice: User, other_system: OtherSystem) -> MakeEndpoint:
    """An endpoint of Alice's, at the other system unless said otherwise. Saved in bulk: that sends no signal."""

    def make(url: str = "", owner: User = alice) -> Endpoint:
        return Endpoint.objects.bulk_create([Endpoint(owner=owner, url=url or f"{other_system.url}/hook")])[0]

    return make


def event(endpoint: Endpoint) -> WebhookRequest:
    return WebhookRequest(endpoint=endpoint.id, event="import.finished", data={"rows": 3})


def signature_of(asked: Asked, secret: str) -> str:
    """As a receiver works it out (standardwebhooks.com)."""
    content = b".".join([asked.headers["Webhook-Id"].encode(), asked.headers["Webhook-Timestamp"].encode(), asked.body])
    mac = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), content, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


def test_a_webhook_says_what_happened_and_is_signed(
    endpoint: MakeEndpoint, other_system: OtherSystem, run: Run
) -> None:
    job = run(send_webhook, event(receiver := endpoint()))
    [asked] = other_system.asked
    assert (asked.method, asked.path) == ("POST", "/hook")
    assert json.loads(asked.body) == {"event": "import.finished", "data": {"rows": 3}}
    assert asked.headers["Webhook-Signature"] == signature_of(asked, receiver.secret)
    assert abs(int(asked.headers["Webhook-Timestamp"]) - timezone.now().timestamp()) < 60
    assert (job.state, job.result) == (State.SUCCEEDED, {"key": asked.headers["Idempotency-Key"]})


@pytest.mark.covers(98)
def test_every_attempt_sends_the_same_key(endpoint: MakeEndpoint, other_system: OtherSystem, run: Run) -> None:
    other_system.then(Answer(503), Answer(500))
    job = run(send_webhook, event(endpoint()))
    while job.state == State.SCHEDULED:
        job = run(send_webhook, None, again=job)
    assert (job.state, job.attempt, job.failures) == (State.SUCCEEDED, 3, 2)
    assert [asked.headers["Idempotency-Key"] for asked in other_system.asked] == [f"{job.id}:webhook"] * 3
    assert {asked.headers["Webhook-Id"] for asked in other_system.asked} == {f"{job.id}:webhook"}


def test_a_webhook_that_was_answered_is_not_sent_by_a_later_attempt(
    endpoint: MakeEndpoint, other_system: OtherSystem, attempt: Attempt
) -> None:
    job = attempt(send_webhook, request := event(endpoint()))
    assert services.send_webhook(request, job) == services.send_webhook(request, job)
    assert len(other_system.asked) == 1


@pytest.mark.covers(27, 51)
@pytest.mark.parametrize(
    ("status", "state"),
    [(code, State.DEAD) for code in (301, 400, 401, 404, 410, 422)]
    + [(code, State.SCHEDULED) for code in (408, 429, 500, 502, 503)],
)
def test_a_refusal_is_final_and_a_bad_moment_is_not(
    endpoint: MakeEndpoint, other_system: OtherSystem, run: Run, status: int, state: State
) -> None:
    other_system.then(Answer(status, headers={"Location": "/elsewhere"}))
    job = run(send_webhook, event(endpoint()))
    assert job.state == state
    assert job.error.endswith(f" answered {status}")
    assert len(other_system.asked) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), (None, 120), ("99999999", 3_600)],
    ids=["seconds", "a date", "for ever"],
)
def test_the_other_side_says_when_to_come_back(
    endpoint: MakeEndpoint, other_system: OtherSystem, run: Run, header: str | None, seconds: int
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds))
    other_system.then(Answer(429, headers={"Retry-After": header or date}))
    job = run(send_webhook, event(endpoint()))
    assert abs(job.run_at - timezone.now() - timedelta(seconds=seconds)) < timedelta(seconds=60)


@pytest.mark.parametrize("value", [None, "", "soon", "-5", "1e3", "Mon, 99 Nov 2026"])
def test_what_says_no_time_is_passed_over(value: str | None) -> None:
    assert outside.retry_after(value) is None


@pytest.mark.covers(87)
def test_a_silent_receiver_costs_its_timeout_and_is_tried_again(
    endpoint: MakeEndpoint, other_system: OtherSystem, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "TIMEOUT", 0.3)
    other_system.then(Answer(waits=(answers := threading.Event())))
    job = run(send_webhook, event(endpoint()))
    answers.set()
    assert (job.state, job.reason) == (State.SCHEDULED, Reason.FAILED)
    assert job.error.endswith("gave no answer: ReadTimeout")


def test_a_receiver_that_is_away_is_tried_again(endpoint: MakeEndpoint, run: Run) -> None:
    job = run(send_webhook, event(endpoint(f"http://127.0.0.1:{free_port()}/")))
    assert job.state == State.SCHEDULED
    assert job.error.endswith("gave no answer: ConnectError")


@pytest.mark.covers(27)
def test_a_system_that_fails_again_and_again_is_left_alone_for_a_while(
    endpoint: MakeEndpoint, other_system: OtherSystem, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "PAUSE", 5)
    other_system.then(*[Answer(503)] * outside.FAILURES)
    jobs = [run(send_webhook, event(endpoint())) for _ in range(outside.FAILURES + 2)]
    assert {job.state for job in jobs} == {State.SCHEDULED}
    assert len(other_system.asked) == outside.FAILURES
    assert "is left alone" in jobs[-1].error
    breaker = outside.breaker_of(other_system.url.removeprefix("http://"))
    wait_for(lambda: not breaker.opened, 30, what="the circuit may be tried")
    assert run(send_webhook, None, again=jobs[-1]).state == State.SUCCEEDED
    assert breaker.closed


def test_refusals_and_other_systems_failures_open_no_circuit(
    endpoint: MakeEndpoint, other_system: OtherSystem, run: Run
) -> None:
    other_system.then(*[Answer(404)] * 2 * outside.FAILURES)
    away = endpoint(f"http://127.0.0.1:{free_port()}/")
    for _ in range(outside.FAILURES):
        run(send_webhook, event(away))
    for _ in range(2 * outside.FAILURES):
        run(send_webhook, event(endpoint()))
    assert len(other_system.asked) == 2 * outside.FAILURES


def test_calls_of_one_system_do_not_wait_for_one_another(other_system: OtherSystem) -> None:
    """What some breakers do: they hold a lock during the call."""
    other_system.then(*[Answer(waits=(answers := threading.Event()))] * 3)
    request = httpx.Request("GET", other_system.url)
    with ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(outside.call, request, seconds=10) for _ in range(3)]
        wait_for(lambda: len(other_system.asked) == 3, 30, what="three calls are under way")
        answers.set()
    assert [call.result() for call in calls] == [b""] * 3


def test_the_address_of_a_webhook_is_in_no_log(
    endpoint: MakeEndpoint, other_system: OtherSystem, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    other_system.then(Answer(503))
    job = run(send_webhook, event(endpoint(f"{other_system.url}/B00/secret")))
    assert other_system.asked[0].path == "/B00/secret"
    assert "B00" not in caplog.text + job.error + job.traceback


def test_nobody_sends_to_another_users_endpoint(endpoint: MakeEndpoint, other_system: OtherSystem, run: Run) -> None:
    job = run(send_webhook, event(endpoint(owner=User.objects.create(username="bob"))))
    assert (job.state, job.reason, other_system.asked) == (State.DEAD, Reason.FAILED, [])


def test_an_endpoint_that_was_deleted_is_no_failure(
    endpoint: MakeEndpoint, other_system: OtherSystem, run: Run
) -> None:
    request = event(deleted := endpoint())
    deleted.delete()
    job = run(send_webhook, request)
    assert (job.state, job.reason, other_system.asked) == (State.SUCCEEDED, Reason.GONE, [])


@pytest.mark.covers(27, 98)
def test_a_worker_killed_while_it_sends_sends_again_under_the_same_key(
    stack: Stack, endpoint: MakeEndpoint, other_system: OtherSystem, alice: User
) -> None:
    other_system.then(Answer(waits=(answers := threading.Event())), Answer(503, headers={"Retry-After": "0"}))
    worker = stack.worker(Queue.IO)
    stack.relay()
    job = send_webhook.enqueue(event(endpoint()), owner=alice)
    wait_for(lambda: other_system.asked, 30, what="the first webhook came")
    worker.send(signal.SIGKILL)
    answers.set()
    stack.worker(Queue.IO)
    ended = stack.ended([job], 30)[job.id]
    assert (ended.state, ended.losses, ended.failures) == (State.SUCCEEDED, 1, 1), ended.error
    assert [asked.headers["Idempotency-Key"] for asked in other_system.asked] == [f"{job.id}:webhook"] * 3


@pytest.fixture
def mail_server(settings: LazySettings) -> Iterator[MailServer]:
    """A mail server, and settings that name it."""
    server = MailServer()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", server.port, False
    settings.DEFAULT_FROM_EMAIL = "Jobs <jobs@example.com>"
    server.controller.start()
    yield server
    server.controller.stop()


LETTER = MailRequest(to="ada@example.com", subject="Your import", text="3 rows were imported.")


def test_a_mail_arrives_with_the_key_as_its_id(mail_server: MailServer, run: Run) -> None:
    job = run(send_mail, LETTER)
    assert job.state == State.SUCCEEDED, job.traceback
    [mail] = mail_server.mails
    assert (mail["To"], mail["From"], mail["Subject"]) == ("ada@example.com", "Jobs <jobs@example.com>", "Your import")
    assert mail["Message-ID"] == f"<{job.id}.mail@example.com>" == job.result["key"]
    assert "3 rows" in str(mail.get_payload())


@pytest.mark.covers(98)
def test_a_mail_that_is_sent_again_has_the_same_id(mail_server: MailServer, run: Run, attempt: Attempt) -> None:
    mail_server.refuses.append("451 greylisted, come back later")
    job = run(send_mail, LETTER)
    assert (job.state, job.error) == (State.SCHEDULED, "Transient: the mail server answered 451")
    assert run(send_mail, None, again=job).state == State.SUCCEEDED
    assert [mail["Message-ID"] for mail in mail_server.mails] == [f"<{job.id}.mail@example.com>"]


def test_an_address_that_the_mail_server_refuses_is_final(mail_server: MailServer, run: Run) -> None:
    mail_server.refuses.append("550 no such user")
    job = run(send_mail, LETTER)
    assert (job.state, job.error) == (State.DEAD, "Permanent: the mail server answered 550")


def test_a_mail_server_that_is_away_is_tried_again(mail_server: MailServer, settings: LazySettings, run: Run) -> None:
    settings.EMAIL_PORT = free_port()
    job = run(send_mail, LETTER)
    assert (job.state, job.failures) == (State.SCHEDULED, 1)
    settings.EMAIL_PORT = mail_server.port
    assert run(send_mail, None, again=job).state == State.SUCCEEDED


def test_without_a_mail_server_the_error_says_which_setting_is_missing(settings: LazySettings, run: Run) -> None:
    settings.EMAIL_HOST = ""
    job = run(send_mail, LETTER)
    assert (job.state, job.error) == (
        State.DEAD,
        "Permanent: EMAIL_HOST is not set; it must name the mail server",
    )


@pytest.mark.parametrize("field", [{"to": "ada"}, {"to": "ada@example.com\nBcc: bob@example.com"}, {"subject": "a\nb"}])
def test_a_mail_cannot_be_given_further_headers(field: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        MailRequest(**{**LETTER.model_dump(), **field})


def test_the_api_sends_no_mail() -> None:
    assert not send_mail.exposed
