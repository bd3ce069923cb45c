"""What every request has: an id that its log lines and its jobs carry, and one line of its own."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from uuid import uuid4

import structlog
from django.http import HttpRequest, HttpResponse

from config.metrics import REQUEST_SECONDS, REQUESTS, add, observe

log = structlog.get_logger(__name__)

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
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
            seconds = time.perf_counter() - began
            count(request, response, seconds)
            if not is_quiet(request, response):
                log.info(
                    "request",
                    method=request.method,
                    route=route_of(request),
                    status=response.status_code,
                    milliseconds=round(seconds * 1000, 1),
                )
            return response
        finally:
            # This thread answers other requests, whose lines must not carry what was bound during this one.
            structlog.contextvars.clear_contextvars()


def count(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """Count the request for Prometheus. What callers can make up is one word there."""
    route, method = route_of(request), request.method if request.method in METHODS else "other"
    add(REQUESTS, 1, str(method), route, str(response.status_code))
    observe(REQUEST_SECONDS, seconds, str(method), route)


def route_of(request: HttpRequest) -> str:
    """The pattern that matched: no ids, and few enough to count by."""
    return request.resolver_match.route if request.resolver_match else "(none)"


def is_quiet(request: HttpRequest, response: HttpResponse) -> bool:
    """Probes ask every few seconds; only what is wrong is worth a line."""
    return request.path.startswith("/health/") and response.status_code < 400
