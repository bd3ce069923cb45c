"""What the API answers when something is wrong: a problem, and never a 500 for bad input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client, override_settings
from django.urls import path

from accounts.models import Scope, User
from accounts.views import ScopedView
from config.wsgi import application
from jobs.models import Job
from jobs.services import WrongState
from tests.contract.client import API, Program, places, problem

ECHO = {"type": "testapp.echo", "payload": {"text": "ab"}}


def echo_with(text: str) -> str:
    """The body of a request with this JSON text as payload."""
    return f'{{"type": "testapp.echo", "payload": {text}}}'


BAD_BODIES = [
    pytest.param({**ECHO, "payload": {"text": 1}}, 422, "invalid_payload", {"#/payload/text"}, id="wrong type"),
    pytest.param({**ECHO, "payload": {}}, 422, "invalid_payload", {"#/payload/text"}, id="missing field"),
    pytest.param({**ECHO, "payload": None}, 422, "invalid_payload", {"#/payload"}, id="null payload"),
    pytest.param({**ECHO, "payload": ["ab"]}, 422, "invalid_payload", {"#/payload"}, id="list as payload"),
    pytest.param(
        {**ECHO, "payload": {"text": "ab", "tags": ["a", 2], "times": 11}},
        422,
        "invalid_payload",
        {"#/payload/tags/1", "#/payload/times"},
        id="several faults",
    ),
    pytest.param(
        {**ECHO, "payload": {"text": "ab", "a/b~c d": 1}},
        422,
        "invalid_payload",
        {"#/payload/a~1b~0c%20d"},
        id="unknown field",
    ),
    pytest.param({"payload": {}}, 422, "invalid_body", {"#/type"}, id="no job type"),
    pytest.param({"type": "no.such"}, 422, "unknown_job_type", {"#/type"}, id="unknown job type"),
    pytest.param({"type": 5}, 422, "invalid_body", {"#/type"}, id="number as job type"),
    pytest.param({"type": "x" * 101}, 422, "invalid_body", {"#/type"}, id="long job type"),
    pytest.param({**ECHO, "run_att": None}, 422, "invalid_body", {"#/run_att"}, id="misspelt key"),
    pytest.param({**ECHO, "label": 5}, 422, "invalid_body", {"#/label"}, id="number as label"),
    pytest.param({**ECHO, "unique": ""}, 422, "invalid_body", {"#/unique"}, id="empty unique key"),
    pytest.param({**ECHO, "run_at": "soon"}, 422, "invalid_body", {"#/run_at"}, id="no time"),
    pytest.param({**ECHO, "run_at": 1}, 422, "invalid_body", {"#/run_at"}, id="number as time"),
    pytest.param({**ECHO, "run_at": "2030-01-01T00:00:00"}, 422, "invalid_body", {"#/run_at"}, id="time without zone"),
    pytest.param(
        {**ECHO, "run_at": "0001-01-01T00:00:00+14:00"}, 422, "invalid_body", {"#/run_at"}, id="time before the first"
    ),
    pytest.param(
        {**ECHO, "expires_at": "9999-12-31T23:59:59-14:00"}, 422, "invalid_body", {"#/expires_at"}, id="time past all"
    ),
    pytest.param(
        {**ECHO, "run_at": "2030-01-02T00:00:00Z", "expires_at": "2030-01-01T00:00:00Z"},
        422,
        "invalid_body",
        {"#"},
        id="expires before it is due",
    ),
    pytest.param([ECHO], 422, "invalid_body", {"#"}, id="list as body"),
    pytest.param("null", 422, "invalid_body", {"#"}, id="null as body"),
    pytest.param(b"", 422, "invalid_body", {"#/type"}, id="no body"),
    pytest.param('{"type": "testapp.echo",', 400, "malformed_body", set(), id="half a body"),
    pytest.param("type=testapp.echo", 400, "malformed_body", set(), id="form as JSON"),
    pytest.param(b'{"type": "\xff"}', 400, "malformed_body", set(), id="not UTF-8"),
    pytest.param('\ufeff{"type": "x"}', 400, "malformed_body", set(), id="byte order mark"),
    pytest.param(echo_with(r'{"text": "a\u0000b"}'), 400, "malformed_body", set(), id="NUL"),
    pytest.param(echo_with(r'{"a\u0000b": 1}'), 400, "malformed_body", set(), id="NUL in a key"),
    pytest.param(r'{"type": "a\u0000b"}', 400, "malformed_body", set(), id="NUL in the job type"),
    pytest.param(echo_with(r'{"text": "\ud800"}'), 400, "malformed_body", set(), id="half a surrogate pair"),
    pytest.param(r'{"type": "\udc00"}', 400, "malformed_body", set(), id="half a pair in the job type"),
    pytest.param(echo_with("NaN"), 400, "malformed_body", set(), id="NaN"),
    pytest.param(echo_with("-Infinity"), 400, "malformed_body", set(), id="infinity"),
    pytest.param(echo_with("1e400"), 400, "malformed_body", set(), id="1e400"),
    pytest.param(echo_with("9" * 5_000), 400, "malformed_body", set(), id="number of 5000 digits"),
    pytest.param(echo_with("[" * 65 + "]" * 65), 400, "malformed_body", set(), id="nested 65 deep"),
    pytest.param(echo_with("[" * 100_000 + "]" * 100_000), 400, "malformed_body", set(), id="nested 100000 deep"),
    pytest.param(echo_with('{"a":' * 100_000 + "1" + "}" * 100_000), 400, "malformed_body", set(), id="deep objects"),
    pytest.param(echo_with('"' + "x" * 10_000_000 + '"'), 413, "body_too_large", set(), id="10 MB"),
]


@pytest.mark.covers(108, 109)
@pytest.mark.parametrize(("body", "status", "code", "where"), BAD_BODIES)
def test_a_bad_body_is_a_problem_that_says_where(
    api: Program, body: Any, status: int, code: str, where: set[str]
) -> None:
    response = api.send("/jobs", body)
    assert problem(response) == (status, code)
    assert places(response) == where
    assert Job.objects.count() == 0


@pytest.mark.covers(108)
@pytest.mark.parametrize("payload", [{"result": float("inf")}, {"result": "NaN"}, {"result": r"\u0000"}])
def test_text_that_only_looks_dangerous_is_kept_as_it_is(api: Program, payload: dict[str, Any]) -> None:
    response = api.create({"type": "testapp.trouble", "payload": payload})
    if payload["result"] == float("inf"):
        assert problem(response) == (400, "malformed_body")
    else:
        assert response.json()["payload"]["result"] == payload["result"]


@pytest.mark.covers(108)
def test_a_number_that_a_schema_reads_from_text_must_be_finite(api: Program) -> None:
    response = api.create({"type": "testapp.nap_default", "payload": {"seconds": "Infinity"}})
    assert problem(response) == (422, "invalid_payload")


def test_a_body_with_thousands_of_faults_is_answered_briefly(api: Program) -> None:
    response = api.create({"payload": {"text": "ab", "tags": list(range(10_000))}})
    assert problem(response) == (422, "invalid_payload")
    assert len(response.json()["errors"]) == 50


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_body_that_is_not_json_by_its_own_word_is_refused(api: Program, media_type: str) -> None:
    response = api.post(f"{API}/jobs", json.dumps(ECHO), content_type=media_type)
    assert problem(response) == (415, "unsupported_media_type")


@pytest.mark.parametrize("charset", ["utf-16", "hex", "bz2_codec", "no-such", ""])
def test_json_is_utf8_whatever_its_charset_claims(api: Program, charset: str) -> None:
    response = api.generic("POST", f"{API}/jobs", json.dumps(ECHO), f"application/json; charset={charset}")
    assert response.status_code == 202


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("charset", ["utf-16", "hex", "bz2_codec", "no-such"])
def test_parameters_are_utf8_whatever_a_charset_claims(api: Program, charset: str) -> None:
    headers = {"Authorization": f"Bearer {api.secret}", "Content-Type": f"text/plain; charset={charset}"}
    with httpx.Client(transport=httpx.WSGITransport(application), base_url="http://testserver") as client:
        response = client.get(f"{API}/jobs?type=%41", headers=headers)
    assert response.json() == {"items": [], "next": None}


@pytest.mark.parametrize("place", ["/jobs", "/files"])
def test_a_body_without_a_length_is_refused_and_not_taken_for_an_empty_one(api: Program, place: str) -> None:
    response = api.generic("POST", API + place, headers={"Transfer-Encoding": "chunked"})
    assert problem(response) == (411, "length_required")


def test_accept_chooses_nothing(api: Program) -> None:
    response = api.see("/jobs", Accept="text/html")
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


class Refusing(ScopedView):
    """A view that fails in a way that nobody foresaw."""

    scopes = {"GET": Scope.JOBS_READ}

    def get(self, request: Any) -> None:
        raise WrongState("password=hunter2")


class Routes:
    """A URL configuration for a view that fails."""

    urlpatterns = [path("api/refusing", Refusing.as_view())]
    handler500 = "config.problems.server_error"


class TestPaths:
    """Paths and methods that are not offered."""

    @pytest.mark.parametrize("debug", [False, True])
    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    @pytest.mark.parametrize("place", ["/api/", "/api/v1/nothing", "/api/v1/jobs/", "/api/v2/jobs", "/health/nothing"])
    def test_a_path_that_leads_nowhere_is_a_problem(self, api: Program, place: str, method: str, debug: bool) -> None:
        with override_settings(DEBUG=debug):
            assert problem(api.generic(method, place)) == (404, "not_found")

    def test_a_page_that_is_none_stays_a_page(self, client: Client) -> None:
        response = client.get("/nothing")
        assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
    def test_a_method_that_is_not_offered_is_answered_with_those_that_are(self, api: Program, method: str) -> None:
        response = api.generic(method, f"{API}/jobs")
        assert problem(response) == (405, "method_not_allowed")
        assert response["Allow"] == "GET, POST, HEAD"

    def test_a_host_that_is_not_ours_is_a_problem(self, api: Program, settings: LazySettings) -> None:
        settings.ALLOWED_HOSTS = ["jobs.example.com"]
        assert problem(api.see("/jobs")) == (400, "bad_request")


class TestOurFaults:
    """What is not the client's fault."""

    @pytest.mark.covers(109)
    @pytest.mark.parametrize("debug", [False, True])
    def test_what_nobody_foresaw_is_logged_and_not_shown(
        self, alice: User, settings: LazySettings, caplog: pytest.LogCaptureFixture, debug: bool
    ) -> None:
        program = Program(alice, raise_request_exception=False)
        settings.ROOT_URLCONF = Routes
        settings.DEBUG = debug
        response = program.get("/api/refusing")
        assert problem(response) == (500, "internal_error")
        assert b"hunter2" not in response.content
        assert "detail" not in response.json()
        [logged] = [record.msg for record in caplog.records if record.name == "config.problems"]
        assert isinstance(logged["exc_info"], WrongState)

    @pytest.fixture
    def database_away(self, transactional_db: None) -> Iterator[None]:
        connection.close()
        port, connection.settings_dict["PORT"] = connection.settings_dict["PORT"], 1
        yield
        connection.close()
        connection.settings_dict["PORT"] = port

    @pytest.mark.covers(1)
    @pytest.mark.parametrize("place", ["/jobs", "/jobs/00000000-0000-7000-8000-000000000000", "/queues"])
    def test_without_the_database_the_answer_says_when_to_ask_again(self, database_away: None, place: str) -> None:
        response = Client(headers={"Authorization": "Bearer dck_x"}).get(API + place)
        assert problem(response) == (503, "unavailable")
        assert int(response["Retry-After"]) > 0
        assert b"127.0.0.1" not in response.content

    def test_without_the_database_nothing_is_created(self, database_away: None) -> None:
        program = Client(headers={"Authorization": "Bearer dck_x"})
        assert problem(program.post(f"{API}/jobs", ECHO, content_type="application/json")) == (503, "unavailable")
