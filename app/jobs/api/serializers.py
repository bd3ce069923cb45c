"""What the API shows. Every key is always there; a link is there while it leads somewhere."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from config.problems import Code
from config.queues import Queue
from jobs.models import File, Job, JobEvent
from jobs.registry import JobType
from jobs.selectors import COUNTED_MAX, DeadLetters, QueueState
from jobs.states import ACTIVE, ENDED, Reason, State


class LinkedSerializer(serializers.BaseSerializer[Any]):
    """Knows the request, and so the absolute URLs."""

    def url(self, route: str, key: Any) -> str:
        return reverse(f"jobs:{route}", args=[key], request=self.context["request"])


@extend_schema_field({})
class AnyJSONField(serializers.JSONField):
    """Whatever JSON can say, null included."""


class ProgressSerializer(serializers.Serializer[Any]):
    current = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)
    unit = serializers.CharField(allow_blank=True)
    message = serializers.CharField(allow_blank=True)


class JobLinksSerializer(serializers.Serializer[Any]):
    self = serializers.URLField()
    events = serializers.URLField()
    stream = serializers.URLField(help_text="the events as they happen")
    files = serializers.URLField(help_text="what the job made")
    children = serializers.URLField(help_text="the jobs that it has asked for")
    cancel = serializers.URLField(required=False, help_text="while the job can be cancelled")
    retry = serializers.URLField(required=False, help_text="while the job is dead and nobody has retried it")


class JobSummarySerializer(LinkedSerializer, serializers.ModelSerializer[Job]):
    """A job as a list shows it: without payload and result, which can be large."""

    reason = serializers.SerializerMethodField(help_text="why it is in this state, where the state does not say")
    error = serializers.SerializerMethodField(help_text="what went wrong last")
    progress = ProgressSerializer(read_only=True, allow_null=True)
    retry_of = serializers.UUIDField(source="retry_of_id", read_only=True, allow_null=True)
    parent = serializers.UUIDField(  # type: ignore[assignment]  # a field of that name
        source="parent_id",
        read_only=True,
        allow_null=True,
        help_text="the job that asked for this one and waits for it",
    )
    retried_as = serializers.SerializerMethodField(help_text="the job that repeats this one")
    links = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields: tuple[str, ...] = (
            "id", "type", "label", "queue", "state", "reason", "attempt", "failures", "losses", "progress", "error",
            "created_at", "run_at", "expires_at", "started_at", "finished_at", "cancel_requested", "retry_of",
            "retried_as", "parent", "links",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField([one for one in Reason.choices if one[0]], allow_null=True))
    def get_reason(self, job: Job) -> str | None:
        return job.reason or None

    def get_error(self, job: Job) -> str | None:
        return job.error or None

    def get_retried_as(self, job: Job) -> UUID | None:
        # Only a job that has ended can have been retried; others save a query.
        repeat = getattr(job, "retried_as", None) if job.state in ENDED else None
        return repeat.id if repeat else None

    @extend_schema_field(JobLinksSerializer)
    def get_links(self, job: Job) -> dict[str, str]:
        found = {
            "self": self.url("job", job.id),
            "events": self.url("job-events", job.id),
            "stream": self.url("job-stream", job.id),
            "files": self.url("job-files", job.id),
            "children": f"{reverse('jobs:jobs', request=self.context['request'])}?parent={job.id}",
        }
        if job.state in ACTIVE and not job.cancel_requested:
            found["cancel"] = self.url("job-cancel", job.id)
        if job.state == State.DEAD and not self.get_retried_as(job):
            found["retry"] = self.url("job-retry", job.id)
        return found


class JobSerializer(JobSummarySerializer):
    """A job."""

    payload = AnyJSONField(read_only=True, help_text="what its job type's schema asks for")
    result = AnyJSONField(read_only=True, help_text="null until it has succeeded")

    class Meta(JobSummarySerializer.Meta):
        fields = (*JobSummarySerializer.Meta.fields[:-1], "payload", "result", "links")
        read_only_fields = fields


class JobPageSerializer(serializers.Serializer[Any]):
    items = JobSummarySerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="the next page; null on the last one")


class EventSerializer(serializers.ModelSerializer[JobEvent]):
    """A fact in a job's history."""

    actor = serializers.SlugRelatedField[Any]("username", read_only=True, allow_null=True, help_text="who asked for it")

    class Meta:
        model = JobEvent
        fields = ("id", "kind", "at", "attempt", "data", "actor")
        read_only_fields = fields


class EventPageSerializer(serializers.Serializer[Any]):
    items = EventSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="the next page; null where no more has happened yet")


class FileLinksSerializer(serializers.Serializer[Any]):
    self = serializers.URLField()
    content = serializers.URLField()


class FileSerializer(LinkedSerializer, serializers.ModelSerializer[File]):
    """A file without its content."""

    job = serializers.UUIDField(source="job_id", read_only=True, allow_null=True, help_text="null for an upload")
    links = serializers.SerializerMethodField()

    class Meta:
        model = File
        fields = ("id", "name", "size", "content_type", "created_at", "job", "links")
        read_only_fields = fields

    @extend_schema_field(FileLinksSerializer)
    def get_links(self, file: File) -> dict[str, str]:
        return {"self": self.url("file", file.id), "content": self.url("file-content", file.id)}


class FileListSerializer(serializers.Serializer[Any]):
    items = FileSerializer(many=True)


class SelfLinkSerializer(serializers.Serializer[Any]):
    self = serializers.URLField()


class RetrySerializer(serializers.Serializer[Any]):
    attempts = serializers.IntegerField(help_text="attempts that may fail before the job is dead")
    first = serializers.FloatField(help_text="seconds before the second attempt; doubled before each further one")
    longest = serializers.FloatField(help_text="seconds that a delay has at most")


class DeadLettersLinksSerializer(serializers.Serializer[Any]):
    retry = serializers.URLField()
    discard = serializers.URLField()


class JobTypeSerializer(LinkedSerializer, serializers.Serializer[JobType[Any]]):
    """A job type that the API may create."""

    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    queue = serializers.ChoiceField([(queue.value, queue.value) for queue in Queue])
    schema = serializers.DictField(help_text="the JSON schema of the payload")
    retry = RetrySerializer()
    links = serializers.SerializerMethodField()

    @extend_schema_field(SelfLinkSerializer)
    def get_links(self, declared: JobType[Any]) -> dict[str, str]:
        return {"self": self.url("job-type", declared.name)}


class JobTypeListSerializer(serializers.Serializer[Any]):
    items = JobTypeSerializer(many=True)


class BrokerCountsSerializer(serializers.Serializer[Any]):
    ready = serializers.IntegerField(help_text="messages that no worker has taken")
    in_flight = serializers.IntegerField(help_text="messages that a worker has taken and not acknowledged")
    oldest_age = serializers.SerializerMethodField(help_text="seconds since the oldest waiting message was sent")

    def get_oldest_age(self, counts: Any) -> float | None:
        return max(0.0, round(time.time() - counts.oldest, 3)) if counts.oldest else None


class QueueSerializer(LinkedSerializer, serializers.Serializer[QueueState]):
    """A queue: what it is for and what it holds, everybody's jobs together."""

    name = serializers.ChoiceField([(queue.value, queue.value) for queue in Queue], source="queue.value")
    purpose = serializers.CharField(source="queue.lane.purpose")
    never = serializers.CharField(source="queue.lane.never", help_text="what does not belong there")
    time_limit = serializers.IntegerField(source="queue.lane.time_limit", help_text="seconds that a job may run")
    waiting = serializers.IntegerField(help_text=f"jobs that could run now; counted up to {COUNTED_MAX}")
    waiting_exact = serializers.BooleanField(help_text="false where more wait than were counted")
    running = serializers.IntegerField()
    oldest_age = serializers.FloatField(allow_null=True, help_text="seconds that the oldest waiting job has been due")
    broker = BrokerCountsSerializer(allow_null=True, help_text="null while Redis cannot be reached")
    links = serializers.SerializerMethodField()

    @extend_schema_field(SelfLinkSerializer)
    def get_links(self, state: QueueState) -> dict[str, str]:
        return {"self": self.url("queue", state.queue.value)}


class QueueListSerializer(serializers.Serializer[Any]):
    items = QueueSerializer(many=True)


class DeadLettersSerializer(LinkedSerializer, serializers.Serializer[DeadLetters]):
    """Dead letters of one kind: the same type, reason and place."""

    type = serializers.CharField()
    fingerprint = serializers.CharField()
    reason = serializers.ChoiceField([one for one in Reason.choices if one[0]])
    error = serializers.CharField(help_text="the newest one's")
    count = serializers.IntegerField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    links = serializers.SerializerMethodField()

    @extend_schema_field(DeadLettersLinksSerializer)
    def get_links(self, kind: DeadLetters) -> dict[str, str]:
        return {
            "retry": self.url("dead-letters-retry", kind.fingerprint),
            "discard": self.url("dead-letters-discard", kind.fingerprint),
        }


class DeadLettersListSerializer(serializers.Serializer[Any]):
    items = DeadLettersSerializer(many=True)


class DoneSerializer(serializers.Serializer[Any]):
    """What became of several jobs at once."""

    done = serializers.IntegerField(help_text="jobs that were retried or discarded")
    left = serializers.IntegerField(help_text="jobs of the kind that are left; ask again")
    refused = serializers.ListField(child=serializers.CharField(), help_text="a sentence for each that was not")


class FaultSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField()
    pointer = serializers.CharField(required=False, help_text="where in the body, as a JSON pointer")
    parameter = serializers.CharField(required=False, help_text="which parameter of the URL")
    header = serializers.CharField(required=False, help_text="which header")
    code = serializers.CharField(required=False)


class OtherJobSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    links = SelfLinkSerializer()


class ProblemSerializer(serializers.Serializer[Any]):
    """An error, as RFC 9457 describes it."""

    type = serializers.CharField(help_text="a URI reference, the same for every problem with this code")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(required=False)
    instance = serializers.CharField(help_text="the path that was asked for")
    code = serializers.ChoiceField([(code.value, code.heading) for code in Code])
    request_id = serializers.CharField(required=False)
    errors = FaultSerializer(many=True, required=False)  # type: ignore[assignment]  # a field of that name
    job = OtherJobSerializer(required=False, help_text="the job that stands in the way")
    scope = serializers.CharField(required=False, help_text="the scope that the token lacks")
