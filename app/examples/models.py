"""The models of the sub-packages, where Django looks for them."""

from .imports.models import Airport, RowError

__all__ = ["Airport", "RowError"]
