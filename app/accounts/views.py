"""What every view for programs has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.views import APIView

from config.problems import Code, Problem

from .models import Scope, User


class ScopedView(APIView):
    """A view for programs with a token. The methods that it offers are those in `scopes`, with what each needs."""

    scopes: ClassVar[Mapping[str, Scope]] = {}

    @property
    def allowed_methods(self) -> list[str]:
        """What the `Allow` header says."""
        return [*self.scopes, *(["HEAD"] if "GET" in self.scopes else [])]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a body in pieces of unknown number: Django would take it for an empty one."""
        super().initial(request, *args, **kwargs)
        if "Transfer-Encoding" in request.headers and not request.headers.get("Content-Length"):
            raise Problem(Code.LENGTH_REQUIRED, "Send Content-Length in the place of Transfer-Encoding.")

    @property
    def caller(self) -> User:
        """The token's user, once the request was let in."""
        user = self.request.user
        assert isinstance(user, User)  # noqa: S101  # HasScope lets nobody else in
        return user
