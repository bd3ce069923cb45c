"""The admin of the sub-packages, where Django looks for it."""

from .imports.admin import AirportAdmin

__all__ = ["AirportAdmin"]
