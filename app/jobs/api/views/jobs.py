"""Jobs: create, list, look at, cancel, retry."""

from __future__ import annotations

import hashlib
from uuid import UUID

from django.utils import timezone
from django.utils.http import parse_etags
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from accounts.models import Scope, User
from config.problems import Code
from jobs import orders, selectors, services
from jobs.api.describe import IDEMPOTENCY_KEY, IF_NONE_MATCH, header, problems, query
from jobs.api.requests import EventQuery, JobQuery, NewJob, read_body, read_idempotency_key, read_query
from jobs.api.serializers import (
    EventPageSerializer,
    EventSerializer,
    FileListSerializer,
    FileSerializer,
    JobPageSerializer,
    JobSerializer,
    JobSummarySerializer,
)
from jobs.models import Job
from jobs.states import ENDED, State

from .base import JobsView

# Seconds between two looks at a job that can end at any moment; at most so many at one whose time has not come.
LOOK_AGAIN = 2
LOOK_AGAIN_LATER = 60
# A job makes a few files; a list of more would need pages.
FILES_SHOWN = 100

ETAG = header("ETag", "changes whenever anything that is shown changes", 200, 304)
LOCATION = header("Location", "the job", 202)
RETRY_AFTER = header(
    "Retry-After", "seconds after which to look again; not there when the job has ended", 200, 202, 304, required=False
)


def wait_header(job: Job) -> dict[str, str]:
    """When a client should look again; nothing when the job has ended."""
    if job.state in ENDED:
        return {}
    if job.state != State.SCHEDULED:
        return {"Retry-After": str(LOOK_AGAIN)}
    until_due = (job.run_at - timezone.now()).total_seconds()
    return {"Retry-After": str(round(min(max(until_due, LOOK_AGAIN), LOOK_AGAIN_LATER)))}


def known(request: Request, etag: str) -> bool:
    """Whether the client has what the ETag stands for. Proxies that compress mark theirs as weak."""
    tags = parse_etags(request.headers.get("If-None-Match", ""))
    return tags == ["*"] or etag in {tag.removeprefix("W/") for tag in tags}


def order(body: NewJob, owner: User, idempotency_key: str | None) -> orders.Order:
    """What the request asks for. A user's unique keys are the user's own: nobody can take another's.

    Raises UnknownJobType and InvalidPayload.
    """
    declared = selectors.exposed_type(body.type)
    if declared is None:
        raise orders.UnknownJobType(body.type)
    return orders.Order(
        type=declared.name,
        payload=orders.parse_payload(declared.name, body.payload),
        owner=owner,
        label=body.label,
        unique=body.unique and f"user:{owner.pk}:{body.unique}",
        run_at=body.run_at,
        expires_at=body.expires_at,
        idempotency_key=idempotency_key,
    )


class OneJobView(JobsView):
    """A view whose path names a job of the caller."""

    def job(self, job_id: UUID) -> Job:
        """Raises Job.DoesNotExist (404), also for somebody else's job."""
        return selectors.job_of(self.caller, job_id)

    def shown_job(self, job: Job, status: int) -> Response:
        """The job, with when to look at it again."""
        return Response(self.shown(JobSerializer, job), status, headers=wait_header(job))

    def accepted(self, job: Job) -> Response:
        """The job that a request made, and where it is."""
        response = self.shown_job(job, 202)
        response["Location"] = response.data["links"]["self"]
        return response


class JobListView(OneJobView):
    scopes = {"GET": Scope.JOBS_READ, "POST": Scope.JOBS_WRITE}

    @extend_schema(
        operation_id="list_jobs", tags=["jobs"], parameters=query(JobQuery), responses={200: JobPageSerializer}
    )
    def get(self, request: Request) -> Response:
        """Your jobs, newest first."""
        wanted = read_query(JobQuery, request)
        jobs = selectors.jobs_of(self.caller, wanted.filter(), before=wanted.cursor, limit=wanted.limit + 1)
        shown = jobs[: wanted.limit]
        last = shown[-1].id if len(jobs) > len(shown) else None
        return Response(
            {
                "items": self.shown(JobSummarySerializer, shown, many=True),
                "next": last and replace_query_param(request.build_absolute_uri(), "cursor", last),
            }
        )

    @extend_schema(
        operation_id="create_job",
        tags=["jobs"],
        parameters=[IDEMPOTENCY_KEY, LOCATION, RETRY_AFTER],
        request=NewJob,
        responses={
            202: JobSerializer,
            **problems(
                Code.INVALID_HEADER,
                Code.JOB_ALREADY_ACTIVE,
                Code.UNKNOWN_JOB_TYPE,
                Code.INVALID_PAYLOAD,
                Code.IDEMPOTENCY_CONFLICT,
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Ask for a job. It is committed when this is answered, and runs when a worker of its queue is free.

        A repeat with the same `Idempotency-Key` is answered with the job that the first request made.
        """
        wanted = order(read_body(NewJob, request), self.caller, read_idempotency_key(request))
        return self.accepted(orders.enqueue(wanted))


class JobView(OneJobView):
    scopes = {"GET": Scope.JOBS_READ}

    @extend_schema(
        operation_id="get_job",
        tags=["jobs"],
        parameters=[IF_NONE_MATCH, ETAG, RETRY_AFTER],
        responses={200: JobSerializer, 304: None},
    )
    def get(self, request: Request, job_id: UUID) -> Response:
        """A job. `Retry-After` says when to look again; there is none when the job has ended."""
        job = self.job(job_id)
        response = self.shown_job(job, 200)
        etag = f'"{hashlib.sha256(JSONRenderer().render(response.data)).hexdigest()[:32]}"'
        if known(request, etag):
            response = Response(status=304, headers=wait_header(job))
        response["ETag"] = etag
        response["Cache-Control"] = "private, no-cache"
        return response


class JobEventsView(OneJobView):
    scopes = {"GET": Scope.JOBS_READ}

    @extend_schema(
        operation_id="list_job_events",
        tags=["jobs"],
        parameters=query(EventQuery),
        responses={200: EventPageSerializer},
    )
    def get(self, request: Request, job_id: UUID) -> Response:
        """What happened to a job, in order. To hear what happens next, ask for what comes after the last `id`."""
        wanted = read_query(EventQuery, request)
        events = selectors.events_of(self.job(job_id), after=wanted.after, limit=wanted.limit + 1)
        shown = events[: wanted.limit]
        last = shown[-1].id if len(events) > len(shown) else None
        return Response(
            {
                "items": self.shown(EventSerializer, shown, many=True),
                "next": last and replace_query_param(request.build_absolute_uri(), "after", last),
            }
        )


class JobFilesView(OneJobView):
    scopes = {"GET": Scope.JOBS_READ}

    @extend_schema(operation_id="list_job_files", tags=["jobs"], responses={200: FileListSerializer})
    def get(self, request: Request, job_id: UUID) -> Response:
        """The files that a job made, the first hundred."""
        files = selectors.files_of_job(self.job(job_id), limit=FILES_SHOWN)
        return Response({"items": self.shown(FileSerializer, files, many=True)})


class JobCancelView(OneJobView):
    scopes = {"POST": Scope.JOBS_WRITE}

    @extend_schema(
        operation_id="cancel_job",
        tags=["jobs"],
        parameters=[RETRY_AFTER],
        request=None,
        responses={200: JobSerializer, 202: JobSerializer, **problems(Code.WRONG_STATE)},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Cancel a job: at once (200) while it waits, else (202) when it next looks. Asking again changes nothing."""
        self.job(job_id)
        job = services.cancel(job_id, self.caller)
        return self.shown_job(job, 200 if job.state == State.CANCELLED else 202)


class JobRetryView(OneJobView):
    scopes = {"POST": Scope.JOBS_WRITE}

    @extend_schema(
        operation_id="retry_job",
        tags=["jobs"],
        parameters=[LOCATION, RETRY_AFTER],
        request=None,
        responses={
            202: JobSerializer,
            **problems(Code.WRONG_STATE, Code.JOB_ALREADY_ACTIVE, Code.UNKNOWN_JOB_TYPE, Code.INVALID_PAYLOAD),
        },
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Repeat a dead job as a new one. Asking again is answered with the same new job."""
        self.job(job_id)
        return self.accepted(services.retry(job_id, self.caller))
