"""The schedules of the sub-packages, where the schedules app looks for them."""

from .reports.schedules import DAILY_DIGEST

__all__ = ["DAILY_DIGEST"]
