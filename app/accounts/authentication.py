"""`Authorization: Bearer <token>`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from .models import ApiToken, User

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema


class TokenAuthentication(BaseAuthentication):
    """Finds the user and the scopes of a token."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """None without a token; AuthenticationFailed (401) for one that is malformed, unknown or expired."""
        kind, _, secret = get_authorization_header(request).partition(b" ")
        if kind.lower() != b"bearer":
            return None
        token = ApiToken.valid(secret.decode("latin-1").strip()).first()
        if token is None:
            raise AuthenticationFailed("The token is unknown or has expired.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI file describes it."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token; operations name the scope they need."}

    def get_security_requirement(self, auto_schema: AutoSchema) -> dict[str, list[str]]:
        """The scope that the operation's view names for its method."""
        scopes = getattr(auto_schema.view, "scopes", {})
        return {self.name: [str(scopes[auto_schema.method])] if auto_schema.method in scopes else []}
