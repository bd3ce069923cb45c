"""What the API takes in: bodies, parameters and headers, checked by pydantic like the payloads they carry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field, ValidationError, model_validator
from rest_framework.request import Request

from config.problems import Code, Fault, Problem, pointer
from config.queues import Queue
from config.storable import unstorable
from jobs.selectors import JobFilter
from jobs.states import State

# A visible ASCII text: it comes as a header.
IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,200}")


def _only_text(value: object) -> object:
    if not isinstance(value, str) or "T" not in value.upper():
        raise ValueError("must be a text such as 2026-11-30T08:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be between the years 1 and 9999 in UTC") from None


# A time with its offset. Numbers, which pydantic would take for seconds since 1970, are refused.
Moment = Annotated[AwareDatetime, BeforeValidator(_only_text), AfterValidator(_in_utc)]


class NewJob(BaseModel, extra="forbid"):
    """A request for a job."""

    type: str = Field(max_length=100, description="the job type's name")
    payload: Any = Field(default_factory=dict, description="what the job type's schema asks for")
    run_at: Moment | None = Field(default=None, description="not before this time")
    expires_at: Moment | None = Field(default=None, description="cancelled, if it has not started by this time")
    label: str = Field(default="", max_length=200, description="for people")
    unique: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="a key: while one of your jobs with it is active, another is refused",
    )

    @model_validator(mode="after")
    def can_start(self) -> NewJob:
        """Says nothing of the present: a repeat with the same idempotency key must be as valid as the first."""
        if self.run_at and self.expires_at and self.expires_at <= self.run_at:
            raise ValueError("expires_at must be later than run_at")
        return self


class Page(BaseModel, extra="forbid"):
    """How much of a list to show."""

    limit: int = Field(default=50, ge=1, le=100, description="entries in the answer")


class JobQuery(Page):
    """Which jobs to list."""

    cursor: UUID | None = Field(default=None, description="the last id of the page before, as `next` gives it")
    type: str | None = Field(default=None, max_length=100, description="only jobs of this type")
    state: State | None = Field(default=None, description="only jobs in this state")
    queue: Queue | None = Field(default=None, description="only jobs of this queue")
    parent: UUID | None = Field(default=None, description="only jobs that this job has asked for")
    created_after: Moment | None = Field(default=None, description="only jobs created later")
    created_before: Moment | None = Field(default=None, description="only jobs created earlier")

    def filter(self) -> JobFilter:
        return JobFilter(
            type=self.type,
            state=self.state,
            queue=self.queue,
            parent=self.parent,
            created_after=self.created_after,
            created_before=self.created_before,
        )


class EventQuery(Page):
    """Which events to list."""

    after: int = Field(default=0, ge=0, lt=2**63, description="only events after the one with this id")


class NoQuery(BaseModel, extra="forbid"):
    """No parameters."""


M = TypeVar("M", bound=BaseModel)


def read_query(model: type[M], request: Request) -> M:
    """The parameters of the URL. Raises Problem (400), also for a name that means nothing here."""
    parameters = request.query_params.dict()
    faults = [{"parameter": name, "detail": fault} for name, text in parameters.items() if (fault := unstorable(text))]
    if faults:
        raise Problem(Code.INVALID_PARAMETER, errors=faults)
    try:
        return model.model_validate(parameters)
    except ValidationError as error:
        faults = [{"parameter": str(one["loc"][0]), "detail": one["msg"]} for one in plain_errors(error)]
        raise Problem(Code.INVALID_PARAMETER, errors=faults) from None


def read_body(model: type[M], request: Request) -> M:
    """The body, as the model reads it. Raises Problem (422)."""
    try:
        return model.model_validate(request.data)
    except ValidationError as error:
        raise Problem(Code.INVALID_BODY, errors=body_faults(plain_errors(error))) from None


def read_idempotency_key(request: Request) -> str | None:
    """The header Idempotency-Key. Raises Problem (400)."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        fault = {"header": "Idempotency-Key", "detail": "must have 1 to 200 visible ASCII characters and no blank"}
        raise Problem(Code.INVALID_HEADER, errors=[fault])
    return key


def read_last_event_id(request: Request) -> int:
    """The header Last-Event-ID; 0 where there is none. Raises Problem (400)."""
    text = request.headers.get("Last-Event-ID", "0")
    if not (text.isascii() and text.isdecimal() and int(text[:20]) < 2**63 and len(text) < 20):
        raise Problem(Code.INVALID_HEADER, errors=[{"header": "Last-Event-ID", "detail": "must be an event's id"}])
    return int(text)


def plain_errors(error: ValidationError) -> list[Any]:
    """The faults without the values that caused them."""
    return list(error.errors(include_url=False, include_context=False, include_input=False))


def body_faults(errors: Iterable[Mapping[str, Any]], *path: str) -> list[Fault]:
    """pydantic's faults with pointers into the body, below `path`."""
    return [{"pointer": pointer(*path, *one["loc"]), "detail": one["msg"], "code": one["type"]} for one in errors]
