"""Logging."""

from config.logs import logging_settings
from config.redaction import hide

from .env import env

hide(env.secrets())
LOG_LEVEL = env.log_level
LOGGING = logging_settings(env.log_format, env.log_level)
