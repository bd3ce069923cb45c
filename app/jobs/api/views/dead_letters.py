"""Dead letters by kind: look at them, retry or discard all of a kind."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope, User
from jobs import selectors, services
from jobs.api.serializers import DeadLettersListSerializer, DeadLettersSerializer, DoneSerializer
from jobs.models import Job

from .base import JobsView

KINDS_SHOWN = 100
# Jobs that one request retries or discards; it answers how many are left.
ACTED_ON = 1_000


class DeadLettersView(JobsView):
    scopes = {"GET": Scope.JOBS_READ}

    @extend_schema(operation_id="list_dead_letters", tags=["dead letters"], responses={200: DeadLettersListSerializer})
    def get(self, request: Request) -> Response:
        """Your dead letters that nobody has retried, by kind, the newest kind first; at most a hundred kinds."""
        found = selectors.dead_letters(self.caller, limit=KINDS_SHOWN)
        return Response({"items": self.shown(DeadLettersSerializer, found, many=True)})


class OfKindView(JobsView):
    """A view that does something to the caller's dead letters of a kind."""

    scopes = {"POST": Scope.JOBS_WRITE}

    def act(self, fingerprint: str, action: Callable[[UUID, User | None], Job]) -> Response:
        """Do it to the oldest ones, and say how many are left."""
        kind = selectors.dead_of_kind(self.caller, fingerprint)
        done, refused = services.for_each(action, list(kind.values_list("id", flat=True)[:ACTED_ON]), self.caller)
        return Response({"done": len(done), "left": kind.count(), "refused": refused})


class RetryKindView(OfKindView):
    @extend_schema(
        operation_id="retry_dead_letters", tags=["dead letters"], request=None, responses={200: DoneSerializer}
    )
    def post(self, request: Request, fingerprint: str) -> Response:
        """Retry your dead letters of this kind, each as a new job that names it, a thousand at a time."""
        return self.act(fingerprint, services.retry)


class DiscardKindView(OfKindView):
    @extend_schema(
        operation_id="discard_dead_letters", tags=["dead letters"], request=None, responses={200: DoneSerializer}
    )
    def post(self, request: Request, fingerprint: str) -> Response:
        """Discard your dead letters of this kind, a thousand at a time."""
        return self.act(fingerprint, services.discard)
