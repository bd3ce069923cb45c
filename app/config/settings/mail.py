"""The mail server. Its certificate is verified; `none` is for a server on this machine."""

from .env import env

EMAIL_HOST = env.email_host or ""
EMAIL_PORT = env.email_port
EMAIL_USE_TLS = env.email_security == "starttls"
EMAIL_USE_SSL = env.email_security == "tls"
EMAIL_HOST_USER = env.email_user or ""
EMAIL_HOST_PASSWORD = env.email_password.get_secret_value() if env.email_password else ""
DEFAULT_FROM_EMAIL = env.email_from
# Seconds for each answer of the server.
EMAIL_TIMEOUT = 10
