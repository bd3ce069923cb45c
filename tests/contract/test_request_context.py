"""The request's id and its line in the log."""

from __future__ import annotations

import re
from typing import Any

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from structlog.testing import LogCapture

from jobs.models import Job
from ops.middleware import RequestContextMiddleware
from tests.contract.client import API, Program

pytestmark = pytest.mark.django_db


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> LogCapture:
    """What is logged, as structured events with their context."""
    capture = LogCapture()
    monkeypatch.setattr(
        "ops.middleware.log", structlog.wrap_logger(None, [structlog.contextvars.merge_contextvars, capture])
    )
    return capture


@pytest.mark.covers(48)
def test_the_callers_id_is_kept_in_the_answer_the_log_and_the_job(api: Program, lines: LogCapture) -> None:
    response = api.create(X_Request_ID="call-7.b_1")
    assert response["X-Request-ID"] == "call-7.b_1"
    assert Job.objects.get().request_id == "call-7.b_1"
    [line] = lines.entries
    assert line["request_id"] == "call-7.b_1"
    assert (line["event"], line["method"], line["route"], line["status"]) == ("request", "POST", "api/v1/jobs", 202)
    assert line["milliseconds"] > 0


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b', "é", "a\u2028b", "<script>", "a/b", "%0a"])
def test_an_id_that_must_not_be_written_down_is_replaced(given: str) -> None:
    answered = Client().get("/health/live", headers={"X-Request-ID": given})["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", answered)


def test_the_line_names_the_route_and_no_id(api: Program, lines: LogCapture) -> None:
    job = api.create().json()
    api.see(job["links"]["self"])
    assert lines.entries[-1]["route"] == "api/v1/jobs/<uuid:job_id>"
    assert job["id"] not in str(lines.entries)


def test_what_leads_nowhere_is_logged_without_its_path(lines: LogCapture) -> None:
    Client().get("/some/secret/path")
    [line] = lines.entries
    assert (line["route"], line["status"]) == ("(none)", 404)


def test_healthy_answers_to_probes_are_not_logged(lines: LogCapture) -> None:
    Client().get("/health/live")
    assert lines.entries == []
    Client().get("/health/nothing")
    assert [line["status"] for line in lines.entries] == [404]


def test_nothing_that_a_view_bound_reaches_the_next_request() -> None:
    seen: list[dict[str, Any]] = []

    def view(_: HttpRequest) -> HttpResponse:
        seen.append(structlog.contextvars.get_contextvars())
        structlog.contextvars.bind_contextvars(user="ada")
        return HttpResponse()

    middleware = RequestContextMiddleware(view)
    for _ in range(2):
        middleware(RequestFactory().get(f"{API}/jobs"))
    assert [set(context) for context in seen] == [{"request_id"}, {"request_id"}]
    assert structlog.contextvars.get_contextvars() == {}
