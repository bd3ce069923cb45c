"""What the views have in common."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.views import ScopedView
from jobs.api import faults


class JobsView(ScopedView):
    """A view of this app: what the engine refuses is shown as a problem."""

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(faults.translated(exc, self.request))

    def shown(self, serializer: type[BaseSerializer[Any]], found: Any, *, many: bool = False) -> Any:
        """What the serializer says of what was found, with links as this request's client can follow them."""
        return serializer(found, many=many, context={"request": self.request}).data
