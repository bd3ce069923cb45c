"""What a notification is asked for and what it answers."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, BaseModel, Field


def _address(value: str) -> str:
    try:
        validate_email(value)
    except ValidationError:
        raise ValueError("not a mail address") from None
    return value


class WebhookRequest(BaseModel, extra="forbid"):
    """The payload of `notifications.send_webhook`."""

    endpoint: UUID = Field(description="the id of an endpoint of the job's owner")
    event: str = Field(pattern=r"^[a-z][a-z0-9_.]{0,99}$", description="what happened, such as import.finished")
    data: dict[str, Any] = Field(default={}, description="what the receiver should know of it")


class MailRequest(BaseModel, extra="forbid"):
    """The payload of `notifications.send_mail`."""

    to: Annotated[str, Field(max_length=254), AfterValidator(_address)]
    subject: str = Field(min_length=1, max_length=200, pattern=r"^[^\r\n]*$")
    text: str = Field(min_length=1, max_length=50_000)


class Sent(BaseModel):
    """The result of both."""

    key: str = Field(description="what the other side can tell repeats by")
