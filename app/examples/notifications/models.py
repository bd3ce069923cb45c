"""Where webhooks go."""

from __future__ import annotations

import base64
import secrets

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models

from jobs.ids import uuid7

SECRET_PREFIX = "whsec_"  # noqa: S105  # what a secret begins with


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def check_secret(value: str) -> None:
    """Refuse what cannot sign: a secret is the prefix and at least 16 bytes in Base64."""
    try:
        fits = len(base64.b64decode(value.removeprefix(SECRET_PREFIX), validate=True)) >= 16
    except ValueError:
        fits = False
    if not (fits and value.startswith(SECRET_PREFIX)):
        raise ValidationError(f"must be {SECRET_PREFIX} and at least 16 bytes in Base64")


class Endpoint(models.Model):
    """Somebody else's address for webhooks, entered by staff. Payloads name it by its id: its secret is in none."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="endpoints")
    url = models.CharField("URL", max_length=500, validators=[URLValidator(schemes=["https", "http"])])
    secret = models.CharField(
        max_length=100,
        default=new_secret,
        validators=[check_secret],
        help_text="what signs the webhooks; the receiver checks with it",
    )

    def __str__(self) -> str:
        return self.url
