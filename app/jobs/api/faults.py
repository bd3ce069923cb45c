"""What the engine refuses, as the problems that the API shows."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from rest_framework.request import Request
from rest_framework.reverse import reverse

from config.problems import Code, Problem
from jobs.files import FileRefused, FileTooLarge
from jobs.models import Job
from jobs.orders import IdempotencyConflict, InvalidPayload, JobAlreadyActive, QuotaExceeded, UnknownJobType
from jobs.services import WrongState

from .requests import body_faults


def translated(error: Exception, request: Request) -> Exception:
    """The problem that an exception of the engine is; any other exception as it is."""
    match error:
        case UnknownJobType():
            fault = {"pointer": "#/type", "detail": f"{str(error)!r} is none of those that GET /api/v1/job-types lists"}
            return Problem(Code.UNKNOWN_JOB_TYPE, errors=[fault])
        case InvalidPayload():
            return Problem(Code.INVALID_PAYLOAD, errors=body_faults(error.errors, "payload"))
        case JobAlreadyActive():
            return Problem(Code.JOB_ALREADY_ACTIVE, **_link(error.job, request))
        case IdempotencyConflict():
            detail = "A key stands for one request: repeat that one, or use another key."
            return Problem(Code.IDEMPOTENCY_CONFLICT, detail, **_link(error.job, request))
        case QuotaExceeded():
            return Problem(Code.QUOTA_EXCEEDED, _sentence(error), headers={"Retry-After": "5"})
        case WrongState():
            return Problem(Code.WRONG_STATE, _sentence(error))
        case FileTooLarge():
            return Problem(Code.BODY_TOO_LARGE, _sentence(error))
        case FileRefused():
            return Problem(Code.INVALID_BODY, errors=[{"pointer": "#/file", "detail": str(error)}])
        case ObjectDoesNotExist():
            return Problem(Code.NOT_FOUND, "There is no such thing, or it is somebody else's.")
    return error


def _link(job: Job, request: Request) -> dict[str, Any]:
    """The job that stands in the way, if the caller may see it."""
    if job.owner_id != request.user.pk:
        return {}
    return {"job": {"id": str(job.id), "links": {"self": reverse("jobs:job", args=[job.id], request=request)}}}


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
