"""What the logs show, and what they never show: secrets are planted wherever one may stand."""

from __future__ import annotations

import copy
import io
import json
import logging
import logging.config
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog
from django.conf import settings

from accounts.models import ApiToken
from config.logs import logging_settings
from config.redaction import HIDDEN, hide, redact
from config.settings.env import env

SECRET = "hunter2-hunter2"

TEXTS = [
    f"postgresql://app:{SECRET}@db.example:5432/app",
    f"rediss://:{SECRET}@redis.example/0 refused the connection",
    f"https://example.com/reports?token={SECRET}&month=5",
    f"https://{SECRET}@github.example/team/project.git",
    f"amqp://user:p@{SECRET}@broker.example/",
    f"GET /hook?sig={SECRET} HTTP/1.1",
    f"https://example.com/a?X-Amz-Signature={SECRET}&b=1",
    f"https://example.com/callback?state=1&code={SECRET}#top",
    f"https://maps.example.com/?q=berlin&key={SECRET}",
    f"Authorization: Bearer {SECRET}",
    f"authorization: Basic {SECRET}==",
    f"X-API-Key: {SECRET}",
    f"Cookie: sessionid={SECRET}; theme=dark",
    f"Set-Cookie: sessionid={SECRET}; HttpOnly",
    f"login failed for password={SECRET}",
    f"password='two words {SECRET}'",
    f'{{"api_key": "{SECRET}", "month": 5}}',
    json.dumps(json.dumps({"password": SECRET})),
    f"{{'client_secret': '{SECRET}'}}",
    f"{{'password': b'{SECRET}'}}",
    f"[(b'x-api-key', b'{SECRET}'), ('b', 'c')]",
    f"('Authorization', '{SECRET}')",
    json.dumps({"password": f'quoted"{SECRET}'}),
    f"pwd={SECRET}",
    f"AWS_SECRET_ACCESS_KEY={SECRET}",
    f"the token {ApiToken.PREFIX}{SECRET} is not valid here",
]


@pytest.mark.covers(82)
@pytest.mark.parametrize("text", TEXTS)
def test_a_secret_inside_of_a_text_is_blacked_out(text: str) -> None:
    assert SECRET not in redact(text)
    assert HIDDEN in redact(text)


@pytest.mark.covers(82)
@pytest.mark.parametrize(
    "name",
    [
        "password",
        "DB_PASSWORD",
        "passwords",
        "secret_key",
        "access_token",
        "Authorization",
        "x-api-key",
        "cookie",
        "db_pwd",
        "AWS_ACCESS_KEY_ID",
        "X-Hub-Signature",
        "sessionid",
        "SENTRY_DSN",
    ],
)
def test_a_value_under_a_name_that_looks_secret_is_blacked_out(name: str) -> None:
    for value in (SECRET, 12345, [SECRET], {"a": SECRET}):
        assert redact({"given": {name: value}}) == {"given": {name: HIDDEN}}
    assert redact({name: None}) == {name: None}


def test_what_surrounds_a_secret_stays() -> None:
    assert redact(TEXTS[0]) == f"postgresql://app:{HIDDEN}@db.example:5432/app"
    assert redact(TEXTS[2]) == f"https://example.com/reports?token={HIDDEN}&month=5"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("unique_key", "report:2026-11"),
        ("idempotency_key", "order-17"),
        ("url", "https://example.com:8000/a?mail=a@b"),
        ("url", "https://example.com/a?monkey=1&barcode=2&unique_key=b"),
        ("url", "postgresql://app@db.example/app"),
        ("text", "the key, which was given, and the author's password"),
        ("text", "the job 0193 is dead after 3 losses"),
        ("seconds", 0.5),
        ("jobs", ["a", "b"]),
    ],
)
def test_what_is_no_secret_stays_as_it_is(name: str, value: Any) -> None:
    assert redact({name: value}) == {name: value}


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "a-",
        "a:",
        "token ",
        "secret",
        "://",
        "a://b:",
        "Basic ",
        "cookie: ",
        "https://a",
        "?a",
        '?sig="',
        'token=\\"',
        "'token', '",
        "http://a:b",
    ],
    ids=repr,
)
def test_redaction_of_a_long_text_takes_no_time(text: str) -> None:
    """Tracebacks and errors hold what others sent; a pattern that backtracks would stop the worker."""
    began = time.thread_time()
    redact(text * (200_000 // len(text)))
    assert time.thread_time() - began < 1


def test_this_processs_own_secrets_are_blacked_out_wherever_they_stand() -> None:
    own = ["k" * 50, "postgresql://app:longer-than-that@db/app", "longer-than-that", "short"]
    try:
        hide(own)
        assert redact(f"between{own[0]}words") == f"between{HIDDEN}words"
        assert redact(own[1]) == HIDDEN
        assert redact([own[2]]) == [HIDDEN]
        assert redact("a short word") == "a short word"
    finally:
        hide(env.secrets())
    assert redact(f"the key {settings.SECRET_KEY}") == f"the key {HIDDEN}"


def test_pairs_are_headers() -> None:
    assert redact([("X-API-Key", SECRET), (b"cookie", SECRET.encode()), ("b", "c")]) == [
        ["X-API-Key", HIDDEN],
        ["cookie", HIDDEN],
        ["b", "c"],
    ]


class Request:
    """Not JSON, and not silent about itself."""

    def __str__(self) -> str:
        return f"<Request Authorization: Bearer {SECRET}>"


def test_an_object_is_shown_as_its_redacted_text() -> None:
    assert redact({"request": Request()}) == {"request": f"<Request Authorization: Bearer {HIDDEN}>"}


@contextmanager
def listening(form: str, level: str = "INFO") -> Iterator[io.StringIO]:
    """What is logged inside the block, with the settings for this form and level."""
    root = logging.getLogger()
    before, root_level = root.handlers[:], root.level
    out = io.StringIO()
    settings = copy.deepcopy(logging_settings(form, level))
    settings["handlers"]["stdout"] |= {"stream": out}
    logging.config.dictConfig(settings)
    try:
        yield out
    finally:
        root.handlers[:] = before
        root.setLevel(root_level)
        structlog.contextvars.clear_contextvars()


@pytest.fixture(params=["json", "text"])
def said(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    with listening(request.param) as out:
        yield out


@pytest.mark.covers(117)
@pytest.mark.parametrize("form", ["json", "text"])
def test_the_level_decides_what_is_said_by_us_and_by_others(form: str) -> None:
    with listening(form, "WARNING") as out:
        structlog.get_logger("jobs.quiet").info("not worth it")
        logging.getLogger("somebody.quiet").info("not worth it")
        structlog.get_logger("jobs.loud").warning("worth it")
        logging.getLogger("somebody.loud").warning("worth it")
    assert (out.getvalue().count("not worth it"), out.getvalue().count("worth it")) == (0, 2)


def fail(password: str) -> None:
    raise ValueError(f"cannot log in with password={password}")


@pytest.mark.covers(82)
def test_no_way_of_logging_shows_a_secret(said: io.StringIO) -> None:
    ours, theirs = structlog.get_logger("jobs.test"), logging.getLogger("somebody.else")
    ours.info("sending", key=settings.SECRET_KEY)
    ours.info("sending", headers={"Authorization": f"Bearer {SECRET}"}, url=TEXTS[0])
    ours.info(f"sending with token={SECRET}")
    theirs.warning("sending to %s with %s", TEXTS[1], {"password": SECRET})
    theirs.warning("sending", extra={"api_key": SECRET})
    try:
        fail(SECRET)
    except ValueError as error:
        ours.exception("failed", request=Request())
        theirs.exception("failed")
        ours.error("failed", exc_info=error)
    assert said.getvalue().count("Traceback") == 3
    assert SECRET not in said.getvalue()
    assert settings.SECRET_KEY not in said.getvalue()


@pytest.mark.covers(47, 48)
@pytest.mark.parametrize("said", ["json"], indirect=True)
def test_every_line_is_json_and_carries_the_ids_of_its_request_and_job(said: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1", job_id="j-1", attempt=2):
        structlog.get_logger("jobs.test").info("job started", seconds=0.5)
        logging.getLogger("somebody.else").warning("two\nlines of %s", "text")
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    assert [(line["request_id"], line["job_id"], line["attempt"]) for line in lines] == [("r-1", "j-1", 2)] * 2
    assert (lines[0]["event"], lines[0]["level"], lines[0]["seconds"]) == ("job started", "info", 0.5)
    assert lines[1]["event"] == "two\nlines of text"
    assert all(line["timestamp"].endswith("Z") for line in lines)
