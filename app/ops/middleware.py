"""What every request has: an id that its log lines and its jobs carry, and one line of its own."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from uuid import uuid4

import structlog
from django.http import HttpRequest, HttpResponse

log = structlog.get_logger(__name__)

HEADER = "X-Request-ID"
# It is written into logs and rows as it came: no blank, no quote, no line break, and what the column holds.
ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestContextMiddleware:
    """Takes the caller's id or makes one, binds it to every log line of the request, and answers with it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        request_id = given if ACCEPTED.fullmatch(given) else uuid4().hex
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            began = time.perf_counter()
            response = self.get_response(request)
            response[HEADER] = request_id
            if not is_quiet(request, response):
                log.info(
                    "request",
                    method=request.method,
                    route=route_of(request),
                    status=response.status_code,
                    milliseconds=round((time.perf_counter() - began) * 1000, 1),
                )
            return response
        finally:
            # This thread answers other requests, whose lines must not carry what was bound during this one.
            structlog.contextvars.clear_contextvars()


def route_of(request: HttpRequest) -> str:
    """The pattern that matched: no ids, and few enough to count by."""
    return request.resolver_match.route if request.resolver_match else "(none)"


def is_quiet(request: HttpRequest, response: HttpResponse) -> bool:
    """Probes ask every few seconds; only what is wrong is worth a line."""
    return request.path.startswith("/health/") and response.status_code < 400
