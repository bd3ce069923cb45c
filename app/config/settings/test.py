"""Tests and tools that only read the code (types, the API's schema): every required variable has a value here.

The services' addresses come from the test's fixtures, which set the variables before Django is set up.
"""

import os
import tempfile
from pathlib import Path

_empty = Path(tempfile.gettempdir()) / "django-celery-no-ca.crt"
_empty.touch()
for _name, _value in {
    "SECRET_KEY": "only-for-tests-only-for-tests-only-for-tests",
    "ALLOWED_HOSTS": "*",
    "DATABASE_URL": "postgresql://postgres@127.0.0.1:1/none",
    "REDIS_URL": "rediss://127.0.0.1:1/0",
    "REDIS_CA_PATH": str(_empty),
    "LOG_FORMAT": "text",
}.items():
    if not os.environ.get(_name) and not os.environ.get(f"{_name}_FILE"):
        os.environ[_name] = _value

from .base import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# No static files are collected for tests, and WhiteNoise warns of a missing folder.
WHITENOISE_AUTOREFRESH = True
