"""Logging."""

from config.logs import logging_settings

from .env import env

LOG_LEVEL = env.log_level
LOGGING = logging_settings(env.log_format, env.log_level)
