"""Behind a proxy that ends TLS and sets X-Forwarded-Proto."""

from .base import *  # noqa: F403

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

SILENCED_SYSTEM_CHECKS = [
    # HSTS for subdomains, and in browsers' own lists: for the owner of the domain to decide, not for one host of it.
    "security.W005",
    "security.W021",
    # The proxy redirects. Probes and clients inside of the cluster speak to the pod itself.
    "security.W008",
]
