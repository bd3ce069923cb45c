"""Scopes: a view names what each method needs, and a token must have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from config.problems import Code, Problem

from .models import ApiToken, Scope

if TYPE_CHECKING:
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """Allows a request whose token has the scope that the view's `scopes` names for its method.

    A method without a scope is not offered, so a view that forgets `scopes` answers nobody.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """False without a token (401). Raises MethodNotAllowed (405), and Problem (403) that names the scope."""
        method = request.method or ""
        scopes: Mapping[str, Scope] = getattr(view, "scopes", {})
        needed = scopes.get("GET" if method == "HEAD" else method)
        if needed is None:
            raise MethodNotAllowed(method)
        if not isinstance(request.auth, ApiToken):
            return False
        if needed not in request.auth.scopes:
            raise Problem(Code.MISSING_SCOPE, f"The token lacks the scope {needed.value}.", scope=needed.value)
        return True
