"""A pytest plugin: Redis over TLS, PostgreSQL and processes of the application, for the tests that ask for them.

Loaded before Django's settings (`-p tests.services`), because these read the servers' addresses from the environment.
The fixtures in `tests/conftest.py` start them; they end with this process, however it ends.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "app"), str(ROOT / "deploy" / "local")]

from config.acl import ROLES  # noqa: E402
from devstack import certificates  # noqa: E402
from devstack.application import Application  # noqa: E402
from devstack.ports import free_port  # noqa: E402
from devstack.postgres import Postgres  # noqa: E402
from devstack.redis import Redis  # noqa: E402

# Timers of the engine, shortened: a lost worker is noticed in six seconds instead of thirty. A shorter lease would be
# lost by sound workers on a machine that holds up a process for two seconds.
TIMERS = {
    "JOB_LEASE": "6",
    "JOB_LEASE_RENEWAL": "1",
    "RELAY_INTERVAL": "0.2",
    "DISPATCH_OVERDUE": "3",
    "DISPATCH_UNDISPATCHED": "0.5",
}

FOLDER = Path(tempfile.mkdtemp(prefix="jobs-tests-"))
FOLDER.chmod(0o755)
CERTIFICATES = certificates.make(FOLDER / "certificates")
PASSWORDS = {role: f"{role}-password" for role in ROLES}
REDIS = Redis(FOLDER / "redis", free_port(), PASSWORDS, CERTIFICATES, durable=False)
POSTGRES = Postgres(FOLDER / "postgres", free_port(), "database-password", durable=False)
APPLICATION = Application(
    FOLDER,
    REDIS,
    POSTGRES,
    secret_key="only-for-tests-" * 4,
    web_port=free_port(),
    settings="tests.settings",
    extra={**TIMERS, "PYTHONPATH": str(ROOT), "WEB_PROCESSES": "1"},
)
os.environ.update(
    {
        "SECRET_KEY": APPLICATION.secret_key,
        "ALLOWED_HOSTS": "*",
        "DATABASE_URL": POSTGRES.url,
        "REDIS_URL": REDIS.url,
        # Tests also do what only the relay may.
        "REDIS_USERNAME": "relay",
        "REDIS_PASSWORD": REDIS.password("relay"),
        "REDIS_CA_PATH": str(CERTIFICATES.ca),
        "LOG_FORMAT": "text",
        **TIMERS,
    }
)


def pytest_unconfigure() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
