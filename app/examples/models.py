"""The models of the sub-packages, where Django looks for them."""

from .imports.models import Airport, RowError
from .notifications.models import Endpoint
from .runways.models import Feed, Runway

__all__ = ["Airport", "Endpoint", "Feed", "RowError", "Runway"]
