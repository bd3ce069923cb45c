"""The job types of the sub-packages, where the engine looks for them."""

from .imports.tasks import import_airports
from .reports.tasks import airports_per_state

__all__ = ["airports_per_state", "import_airports"]
