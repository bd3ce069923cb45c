"""Job types: what can be asked for."""

from __future__ import annotations

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope
from jobs import selectors
from jobs.api.serializers import JobTypeListSerializer, JobTypeSerializer

from .base import JobsView


class JobTypeListView(JobsView):
    scopes = {"GET": Scope.JOBS_READ}

    @extend_schema(operation_id="list_job_types", tags=["job types"], responses={200: JobTypeListSerializer})
    def get(self, request: Request) -> Response:
        """The job types that you may create, with the JSON schema of each payload."""
        return Response({"items": self.shown(JobTypeSerializer, selectors.exposed_types(), many=True)})


class JobTypeView(JobsView):
    scopes = {"GET": Scope.JOBS_READ}

    @extend_schema(operation_id="get_job_type", tags=["job types"], responses={200: JobTypeSerializer})
    def get(self, request: Request, name: str) -> Response:
        """A job type."""
        declared = selectors.exposed_type(name)
        if declared is None:
            raise Http404
        return Response(self.shown(JobTypeSerializer, declared))
