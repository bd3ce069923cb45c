"""Passwords and certificates for `compose.yaml`: files in one folder that git ignores, made once and kept."""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path

from config.acl import ROLES, users_file
from devstack import certificates
from devstack.console import say
from devstack.state import FOLDER

# The services' names, and the one by which their own health checks call them.
HOSTS = ("redis", "postgres", "localhost")
LIFETIME = timedelta(days=365)
# Under compose there is neither KEDA nor celery-exporter.
USERS = tuple(role for role in ROLES if role not in ("keda", "exporter"))
PASSWORDS = ("secret-key", "database-password", "postgres-password", "flower-password", *(f"redis-{u}" for u in USERS))


def compose_secrets(folder: Path = FOLDER / "compose") -> int:
    """Make what is missing, and new certificates in the last week of the old ones. What is there is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    # Containers read the files as users that this machine does not know; the folder keeps its own users out.
    folder.chmod(0o700)
    certificates.ensure(folder, hosts=HOSTS, lifetime=LIFETIME)
    for name in PASSWORDS:
        path = folder / name
        if not path.exists():
            path.write_text(secrets.token_urlsafe(32))
    (folder / "users.acl").write_text(users_file({user: (folder / f"redis-{user}").read_text() for user in USERS}))
    for path in folder.iterdir():
        path.chmod(0o644)
    say(f"passwords and certificates are in {folder}; next: docker compose up --build --detach")
    return 0
