"""Logging, and what Sentry is told."""

from config.logs import logging_settings
from config.redaction import hide

from .env import env

hide(env.secrets())
LOG_LEVEL = env.log_level
LOGGING = logging_settings(env.log_format, env.log_level)
SENTRY_DSN = env.sentry_dsn.get_secret_value() if env.sentry_dsn else None
SENTRY_ENVIRONMENT = env.sentry_environment
SENTRY_RELEASE = env.sentry_release
