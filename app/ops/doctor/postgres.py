"""PostgreSQL as this process reaches it: name, port, TLS, login, version, migrations and clock."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error, connection

from ops import readiness
from ops.findings import Fault, Finding, Note, Step, follow

from .sockets import Place

OLDEST_VERSION = 15
# Schedules come due by this machine's clock and expire by PostgreSQL's.
CLOCK_TOLERANCE = 5
# The protocol's request for TLS, answered with S or N.
SSL_REQUEST = bytes([0, 0, 0, 8, 4, 210, 22, 47])
VERIFYING = ("verify-ca", "verify-full")


def findings() -> Iterator[Finding]:
    steps: list[tuple[str, Step]] = [
        ("postgresql login", log_in),
        ("postgresql version", check_version),
        ("postgresql migrations", check_migrations),
        ("postgresql clock", check_clock),
    ]
    # A folder is a socket on this machine.
    if not str(_database()["HOST"]).startswith("/"):
        steps = [
            ("postgresql name", place().resolve),
            ("postgresql port", place().connect),
            ("postgresql tls", check_tls),
            *steps,
        ]
    yield from follow(steps)


def place() -> Place:
    return Place(str(_database()["HOST"] or "localhost"), int(_database()["PORT"] or 5432), "DATABASE_URL")


def check_tls() -> str:
    mode = _database()["OPTIONS"].get("sslmode", "prefer")
    if mode not in VERIFYING:
        if _is_loopback(place().host):
            return f"sslmode is {mode}, on this machine"
        raise Note(
            f"sslmode is {mode}: whoever stands between can pretend to be the database; add "
            "?sslmode=verify-full&sslrootcert=/path to DATABASE_URL"
        )
    return place().handshake(_context(mode), "sslrootcert in DATABASE_URL", _ask_for_tls)


def certificate() -> dict[str, Any] | None:
    """What the server shows of itself; None where it is not verified. Raises Fault."""
    mode = _database()["OPTIONS"].get("sslmode", "prefer")
    if mode not in VERIFYING or str(_database()["HOST"]).startswith("/"):
        return None
    return place().shown(_context(mode), "sslrootcert in DATABASE_URL", _ask_for_tls)[1]


def log_in() -> str:
    try:
        connection.ensure_connection()
    except Error as error:
        connection.close()
        # libpq says the same for each address it tried; the first line has the reason at its end.
        reason = str(error).strip().splitlines()[0].rpartition("failed: ")[2]
        raise Fault(
            f"PostgreSQL refuses the login ({reason})",
            "compare DATABASE_URL and DATABASE_PASSWORD with its roles, databases and pg_hba.conf",
        ) from None
    return f"logged in as {_database()['USER']!r} to {_database()['NAME']!r}"


def check_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        version = int(cursor.fetchone()[0])
    if version // 10_000 < OLDEST_VERSION:
        raise Fault(f"PostgreSQL is version {version // 10_000}", f"it must be {OLDEST_VERSION} or newer")
    return f"version {version // 10_000}.{version % 10_000}"


def check_migrations() -> str:
    if waiting := readiness.unapplied_migrations():
        shown = ", ".join(waiting[:3]) + (f" and {len(waiting) - 3} more" if len(waiting) > 3 else "")
        raise Fault(f"{len(waiting)} migrations are not applied: {shown}", "run `python -m config migrate`")
    return "every migration is applied"


def check_clock() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        ahead = (datetime.now(UTC) - cursor.fetchone()[0]).total_seconds()
    if abs(ahead) > CLOCK_TOLERANCE:
        seen = f"this machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} PostgreSQL's"
        raise Fault(seen, f"synchronise both (NTP); they must agree to {CLOCK_TOLERANCE} s")
    return f"this machine's clock is within {abs(ahead):.2f} s of PostgreSQL's"


def _database() -> dict[str, Any]:
    return dict(settings.DATABASES["default"])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _context(mode: str) -> ssl.SSLContext:
    """As libpq verifies: only by its own root certificate, and less strictly than Python 3.13."""
    root = _database()["OPTIONS"].get("sslrootcert", str(Path.home() / ".postgresql" / "root.crt"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = mode == "verify-full"
    try:
        if root == "system":
            context.load_default_certs()
        else:
            context.load_verify_locations(root)
    except (OSError, ssl.SSLError) as error:
        mend = "sslrootcert in DATABASE_URL must be the path of the authority's certificate"
        raise Fault(f"the root certificate {root!r} cannot be read ({error})", mend) from None
    return context


def _ask_for_tls(raw: socket.socket) -> None:
    raw.sendall(SSL_REQUEST)
    if raw.recv(1) != b"S":
        seen = f"{place().host}:{place().port} does not offer TLS"
        raise Fault(seen, "switch `ssl` on in PostgreSQL's settings and give it a certificate")
