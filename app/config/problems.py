"""Every error that a client sees: one JSON object as RFC 9457 describes it, with a code of the list below.

`type` is `/problems/<code>` with dashes and never changes its meaning; `detail` is for people and may change.
Django's and DRF's own exceptions are translated here, those of an app by that app.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Self
from urllib.parse import quote

import structlog
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.utils.encoding import escape_uri_path
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.request import Request

from . import tracker

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
# Seconds after which a client may ask again when the database is away.
RETRY_AFTER = 5
# A body can hold more faults than anybody reads.
FAULTS_SHOWN = 50

# One thing that is wrong: `detail`, and where as `pointer` (a JSON pointer into the body), `parameter` or `header`.
Fault = dict[str, str]


class Code(StrEnum):
    """What can go wrong, as programs tell it apart: the code, its HTTP status and a title for people."""

    status: int
    heading: str

    def __new__(cls, code: str, status: int, heading: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.status = status
        member.heading = heading
        return member

    BAD_REQUEST = "bad_request", 400, "The request cannot be understood"
    MALFORMED_BODY = "malformed_body", 400, "The body cannot be read"
    INVALID_PARAMETER = "invalid_parameter", 400, "A parameter of the URL is not valid"
    INVALID_HEADER = "invalid_header", 400, "A header is not valid"
    NOT_AUTHENTICATED = "not_authenticated", 401, "The request carries no token"
    INVALID_TOKEN = "invalid_token", 401, "The token is unknown or has expired"
    FORBIDDEN = "forbidden", 403, "This is not allowed"
    MISSING_SCOPE = "missing_scope", 403, "The token lacks a scope"
    NOT_FOUND = "not_found", 404, "There is nothing here"
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, "The method is not offered here"
    JOB_ALREADY_ACTIVE = "job_already_active", 409, "An active job has the same unique key"
    WRONG_STATE = "wrong_state", 409, "The job's state does not allow this"
    SCHEDULE_EXISTS = "schedule_exists", 409, "You have a schedule of this name"
    TOO_MANY_SCHEDULES = "too_many_schedules", 409, "You have as many schedules as you may"
    LENGTH_REQUIRED = "length_required", 411, "The body comes without its length"
    BODY_TOO_LARGE = "body_too_large", 413, "The body is too large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", 415, "The body's media type is not accepted here"
    INVALID_BODY = "invalid_body", 422, "The body is not valid"
    INVALID_PAYLOAD = "invalid_payload", 422, "The payload does not fit its job type"
    UNKNOWN_JOB_TYPE = "unknown_job_type", 422, "There is no such job type"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict", 422, "The idempotency key was used for another request"
    QUOTA_EXCEEDED = "quota_exceeded", 429, "You have as many active jobs of this type as you may"
    INTERNAL_ERROR = "internal_error", 500, "The server made a mistake"
    UNAVAILABLE = "unavailable", 503, "The service is unavailable for a moment"

    @property
    def type(self) -> str:
        """The problem's type as a URI reference."""
        return f"/problems/{self.value.replace('_', '-')}"


class Problem(Exception):
    """An error as it is shown. `members` are shown beside the members that every problem has."""

    def __init__(
        self,
        code: Code,
        detail: str = "",
        *,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail or code.heading)
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers
        self.members = members

    def body(self, path: str) -> dict[str, Any]:
        """The problem as JSON; members without a value are left out."""
        body = {
            "type": self.code.type,
            "title": self.code.heading,
            "status": self.code.status,
            "detail": self.detail,
            "instance": escape_uri_path(path),
            "code": self.code.value,
            "request_id": structlog.contextvars.get_contextvars().get("request_id"),
            "errors": list(self.errors[:FAULTS_SHOWN]),
            **self.members,
        }
        return {name: value for name, value in body.items() if value or name == "status"}


def pointer(*path: str | int) -> str:
    """A JSON pointer as a URI fragment (RFC 6901, section 6)."""
    return "#" + "".join("/" + quote(str(part).replace("~", "~0").replace("/", "~1"), safe="~") for part in path)


def answer(problem: Problem, request: HttpRequest | Request) -> HttpResponse:
    """The response that shows the problem."""
    return JsonResponse(
        problem.body(request.path), status=problem.code.status, content_type=MEDIA_TYPE, headers=problem.headers
    )


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """DRF's hook: whatever a view of the API raises."""
    problem = translated(error)
    if problem.code is Code.INTERNAL_ERROR:
        # As Django does for what it handles itself: error trackers and the test client listen to it.
        got_request_exception.send(sender=None, request=context["request"])
    return answer(problem, context["request"])


def translated(error: BaseException | None) -> Problem:
    """The problem that an exception is. What nobody foresaw is logged and shown without a word of it."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, (OperationalError, InterfaceError)):
        log.warning("database unreachable", error=str(error).strip())
        return Problem(
            Code.UNAVAILABLE, "The database cannot be reached; try again.", headers={"Retry-After": str(RETRY_AFTER)}
        )
    if isinstance(error, exceptions.APIException) and error.status_code < 500:
        return _of_drf(error)
    if isinstance(error, RequestDataTooBig):
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return Problem(
            Code.BODY_TOO_LARGE, f"It must have at most {limit} bytes; what is larger is uploaded as a file."
        )
    for kind, code in DJANGO_CODES.items():
        if isinstance(error, kind):
            return Problem(code)
    log.error("request failed", exc_info=error)
    tracker.tell(tracker.picture(error), tags=structlog.contextvars.get_contextvars())
    return Problem(Code.INTERNAL_ERROR)


DJANGO_CODES: dict[type[Exception], Code] = {
    Http404: Code.NOT_FOUND,
    PermissionDenied: Code.FORBIDDEN,
    SuspiciousOperation: Code.BAD_REQUEST,
    BadRequest: Code.BAD_REQUEST,
    UnreadablePostError: Code.BAD_REQUEST,
}

DRF_CODES: dict[type[exceptions.APIException], Code] = {
    exceptions.ParseError: Code.MALFORMED_BODY,
    exceptions.NotAuthenticated: Code.NOT_AUTHENTICATED,
    exceptions.AuthenticationFailed: Code.INVALID_TOKEN,
    exceptions.PermissionDenied: Code.FORBIDDEN,
    exceptions.NotFound: Code.NOT_FOUND,
    exceptions.MethodNotAllowed: Code.METHOD_NOT_ALLOWED,
    exceptions.UnsupportedMediaType: Code.UNSUPPORTED_MEDIA_TYPE,
    exceptions.ValidationError: Code.INVALID_BODY,
}


def _of_drf(error: exceptions.APIException) -> Problem:
    code = DRF_CODES.get(type(error), Code.BAD_REQUEST)
    if isinstance(error, exceptions.ValidationError):
        return Problem(code, errors=_faults(error.detail))
    # DRF's view puts it there, for a 401.
    authenticate = getattr(error, "auth_header", None)
    return Problem(code, str(error.detail), headers={"WWW-Authenticate": authenticate} if authenticate else None)


def _faults(detail: Any, path: tuple[str | int, ...] = ()) -> list[Fault]:
    """What DRF's serializers found, flat."""
    if isinstance(detail, Mapping):
        named = [(path if name == "non_field_errors" else (*path, name), inner) for name, inner in detail.items()]
    elif isinstance(detail, list):
        named = [(path if isinstance(inner, str) else (*path, index), inner) for index, inner in enumerate(detail)]
    else:
        return [{"pointer": pointer(*path), "detail": str(detail)}]
    return [fault for where, inner in named for fault in _faults(inner, where)]


def _speaks_json(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/health/"))


@csrf_exempt
def no_such_path(request: HttpRequest) -> HttpResponse:
    """A path of the API that leads nowhere. A view, not a 404: with DEBUG, Django shows a page of its own for those."""
    return answer(Problem(Code.NOT_FOUND, "There is no such path."), request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400."""
    return answer(translated(exception), request) if _speaks_json(request) else defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    if _speaks_json(request):
        return answer(translated(exception), request)
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    if _speaks_json(request):
        return answer(translated(exception), request)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, called while the exception is being handled."""
    problem = translated(sys.exc_info()[1])
    return answer(problem, request) if _speaks_json(request) else defaults.server_error(request)
