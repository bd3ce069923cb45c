"""The job types of notifications."""

from __future__ import annotations

from config.queues import Queue
from jobs.registry import job
from jobs.running import RunningJob

from ..outside import PATIENT
from . import services
from .schemas import MailRequest, Sent, WebhookRequest


@job(queue=Queue.IO, payload=WebhookRequest, retry=PATIENT)
def send_webhook(job: RunningJob, request: WebhookRequest) -> Sent:
    """Tell an endpoint of yours what happened: a signed POST with a key by which it can tell repeats."""
    return services.send_webhook(request, job)


# Not for the API: whoever has a token could mail the world.
@job(queue=Queue.IO, payload=MailRequest, retry=PATIENT, exposed=False)
def send_mail(job: RunningJob, request: MailRequest) -> Sent:
    """Send a mail, whose Message-ID is the same however often it is sent."""
    return services.send_mail(request, job)
