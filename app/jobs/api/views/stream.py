"""A job's events as they happen."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from accounts.models import Scope
from config.problems import Code
from jobs import selectors
from jobs.api import stream
from jobs.api.describe import problems
from jobs.api.requests import read_last_event_id
from jobs.api.serializers import EventSerializer
from jobs.states import ENDED

from .base import JobsView

MEDIA_TYPE = "text/event-stream"
LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID", int, OpenApiParameter.HEADER, description="the last event that you have seen: go on after it"
)

# What a client's reader makes of each block, as OpenAPI describes streams.
STREAM_EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "of `history` alone"},
        "event": {"type": "string", "enum": ["history", "progress", "end"]},
        "data": {
            "type": "string",
            "description": "JSON: an event as in their list, the progress or the state",
        },
        "retry": {"type": "integer", "description": "milliseconds until to come again"},
    },
}


class JobStreamView(JobsView):
    scopes = {"GET": Scope.JOBS_READ}

    @extend_schema(
        operation_id="stream_job_events",
        tags=["jobs"],
        parameters=[LAST_EVENT_ID],
        responses={(200, MEDIA_TYPE): STREAM_EVENT, 204: None, **problems(Code.INVALID_HEADER)},
    )
    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        """What happens to a job as it happens, as server-sent events: `history`, `progress` and, once, `end`.

        It breaks off now and then: come again with `Last-Event-ID`, as browsers do. 204 when there is no more to come.
        """
        after = read_last_event_id(request)
        read_job = partial(selectors.pulse_of, self.caller, job_id)
        job = read_job()
        if after and job.state in ENDED and not selectors.events_of(job, after=after, limit=1):
            return HttpResponse(status=204)
        if request.method == "HEAD":
            return HttpResponse(content_type=MEDIA_TYPE)
        blocks = stream.stream(read_job, after, partial(self.shown, EventSerializer))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingHttpResponse(blocks, content_type=MEDIA_TYPE, headers=headers)
