"""The paths of the API, below /api/v1/."""

from django.urls import path

from .views.dead_letters import DeadLettersView, DiscardKindView, RetryKindView
from .views.document import DocumentView
from .views.files import FileContentView, FileListView, FileView
from .views.job_types import JobTypeListView, JobTypeView
from .views.jobs import JobCancelView, JobEventsView, JobFilesView, JobListView, JobRetryView, JobView
from .views.queues import QueueListView, QueueView
from .views.stream import JobStreamView

app_name = "jobs"

urlpatterns = [
    path("job-types", JobTypeListView.as_view(), name="job-types"),
    path("job-types/<str:name>", JobTypeView.as_view(), name="job-type"),
    path("jobs", JobListView.as_view(), name="jobs"),
    path("jobs/<uuid:job_id>", JobView.as_view(), name="job"),
    path("jobs/<uuid:job_id>/events", JobEventsView.as_view(), name="job-events"),
    path("jobs/<uuid:job_id>/stream", JobStreamView.as_view(), name="job-stream"),
    path("jobs/<uuid:job_id>/files", JobFilesView.as_view(), name="job-files"),
    path("jobs/<uuid:job_id>/cancel", JobCancelView.as_view(), name="job-cancel"),
    path("jobs/<uuid:job_id>/retry", JobRetryView.as_view(), name="job-retry"),
    path("files", FileListView.as_view(), name="files"),
    path("files/<uuid:file_id>", FileView.as_view(), name="file"),
    path("files/<uuid:file_id>/content", FileContentView.as_view(), name="file-content"),
    path("queues", QueueListView.as_view(), name="queues"),
    path("queues/<str:name>", QueueView.as_view(), name="queue"),
    path("dead-letters", DeadLettersView.as_view(), name="dead-letters"),
    path("dead-letters/<slug:fingerprint>/retry", RetryKindView.as_view(), name="dead-letters-retry"),
    path("dead-letters/<slug:fingerprint>/discard", DiscardKindView.as_view(), name="dead-letters-discard"),
    path("schema", DocumentView.as_view(), name="schema"),
]
