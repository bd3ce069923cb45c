"""Queues: what waits and what runs."""

from __future__ import annotations

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope
from config import queues
from config.queues import Queue
from jobs import selectors
from jobs.api.serializers import QueueListSerializer, QueueSerializer

from .base import JobsView


class QueueListView(JobsView):
    scopes = {"GET": Scope.QUEUES_READ}

    @extend_schema(operation_id="list_queues", tags=["queues"], responses={200: QueueListSerializer})
    def get(self, request: Request) -> Response:
        """The queues and what they hold."""
        return Response({"items": self.shown(QueueSerializer, selectors.queue_states(list(Queue)), many=True)})


class QueueView(JobsView):
    scopes = {"GET": Scope.QUEUES_READ}

    @extend_schema(operation_id="get_queue", tags=["queues"], responses={200: QueueSerializer})
    def get(self, request: Request, name: str) -> Response:
        """A queue and what it holds."""
        queue = queues.find(name)
        if queue is None:
            raise Http404
        return Response(self.shown(QueueSerializer, selectors.queue_states([queue])[0]))
