"""Users and the tokens that programs use in their name."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

if TYPE_CHECKING:
    from django.db.models import QuerySet


class User(AbstractUser):
    """A person or a service. Its own model from the first day: it cannot be swapped later."""


class Scope(models.TextChoices):
    """What a token may do."""

    JOBS_READ = "jobs:read", "see its user's jobs, files and events"
    JOBS_WRITE = "jobs:write", "create, cancel and retry its user's jobs; upload files"
    QUEUES_READ = "queues:read", "see the queues"
    SCHEDULES_READ = "schedules:read", "see the schedules"
    SCHEDULES_WRITE = "schedules:write", "create and change its user's schedules"


class ApiToken(models.Model):
    """A token, of which only the SHA-256 is kept. It has 256 random bits, so a slow hash would add nothing."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, help_text="what uses the token")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=40, choices=Scope.choices))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)

    PREFIX: ClassVar[str] = "dck_"

    class Meta:
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"

    @classmethod
    def issue(
        cls, user: User, name: str, scopes: list[str] | None = None, expires_at: datetime | None = None
    ) -> tuple[ApiToken, str]:
        """A new token, every scope unless said otherwise. The second value is the secret: it is shown only here."""
        secret = cls.PREFIX + secrets.token_urlsafe(32)
        chosen = [str(scope) for scope in Scope] if scopes is None else scopes
        token = cls.objects.create(
            user=user, name=name, digest=cls.digest_of(secret), scopes=chosen, expires_at=expires_at
        )
        return token, secret

    @staticmethod
    def digest_of(secret: str) -> str:
        return hashlib.sha256(secret.encode()).hexdigest()

    @classmethod
    def valid(cls, secret: str) -> QuerySet[ApiToken]:
        """The token with this secret, if it has not expired and its user is active."""
        return cls.objects.select_related("user").filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=Now()),
            digest=cls.digest_of(secret),
            user__is_active=True,
        )
