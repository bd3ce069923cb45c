"""A developer's machine: the real services, shown in full."""

from .base import *  # noqa: F403

DEBUG = True
