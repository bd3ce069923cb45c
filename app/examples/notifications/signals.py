"""What follows from a new endpoint, whoever saves it: the admin, a shell, a test.

A receiver of a signal is for rows that others save. Where the saving is our own, the service that saves says
what follows. `bulk_create`, `bulk_update` and `update` send no signal at all.
"""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from .models import Endpoint
from .schemas import WebhookRequest
from .tasks import send_webhook


@receiver(post_save, sender=Endpoint, dispatch_uid="notifications.ping")
def ping(instance: Endpoint, created: bool, raw: bool, **_: Any) -> None:
    """Ask for a first webhook, by which the receiver sees that it is reached.

    The job is part of the transaction that saves the endpoint: rolled back with it, dispatched when it commits.
    """
    if created and not raw:
        send_webhook.enqueue(WebhookRequest(endpoint=instance.id, event="ping"), owner=instance.owner)
