"""The job types of the sub-packages, where the engine looks for them."""

from .imports.tasks import import_airports
from .notifications.tasks import send_mail, send_webhook
from .reports.tasks import airports_per_state, count_airports
from .runways.tasks import sync_runways

__all__ = [
    "airports_per_state",
    "count_airports",
    "import_airports",
    "send_mail",
    "send_webhook",
    "sync_runways",
]
