"""The admin of the sub-packages, where Django looks for it."""

from .imports.admin import AirportAdmin
from .notifications.admin import EndpointAdmin
from .runways.admin import FeedAdmin

__all__ = ["AirportAdmin", "EndpointAdmin", "FeedAdmin"]
