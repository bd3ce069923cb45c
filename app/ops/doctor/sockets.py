"""From a name to a verified TLS connection, a step at a time, so that each step's fault can be told from the next's."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.findings import Fault

TIMEOUT = 5
# OpenSSL's numbers for what a certificate failed at, in words for the person who has to mend it.
VERIFICATION = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is signed by itself, and by no authority that is trusted here",
    19: "its authority is not trusted here",
    20: "its authority is not trusted here",
    21: "its authority is not trusted here",
    62: "it is for another name",
    64: "it is for another address",
}


@dataclass(frozen=True)
class Place:
    """Where a server is, and the variable that says so."""

    host: str
    port: int
    variable: str

    def resolve(self) -> str:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise Fault(
                f"the name {self.host!r} cannot be resolved ({error.strerror})",
                f"check {self.variable} and this machine's DNS",
            ) from None
        return f"{self.host} is {', '.join(dict.fromkeys(str(one[4][0]) for one in found))}"

    def connect(self) -> str:
        self.open().close()
        return f"{self.host}:{self.port} accepts connections"

    def open(self) -> socket.socket:
        try:
            return socket.create_connection((self.host, self.port), TIMEOUT)
        except OSError as error:
            reason = error.strerror or str(error)
            mend = f"check that it runs there, {self.variable}, and what may stand between (NetworkPolicy, firewall)"
            raise Fault(f"{self.host}:{self.port} cannot be reached ({reason})", mend) from None

    def handshake(
        self, context: ssl.SSLContext, trust: str, before: Callable[[socket.socket], None] = lambda _: None
    ) -> str:
        """Agree on TLS, and say how and for how long."""
        version, certificate = self.shown(context, trust, before)
        return f"{version}, {_life(certificate)}"

    def shown(
        self, context: ssl.SSLContext, trust: str, before: Callable[[socket.socket], None] = lambda _: None
    ) -> tuple[str | None, dict[str, Any] | None]:
        """Agree on TLS, after what the protocol asks for before: its version, and the server's certificate.

        `trust` is the variable that names the authority.
        """
        with self.open() as raw:
            before(raw)
            try:
                with context.wrap_socket(raw, server_hostname=self.host) as secure:
                    return secure.version(), secure.getpeercert()
            except ssl.SSLCertVerificationError as error:
                reason = VERIFICATION.get(error.verify_code, error.verify_message)
                raise Fault(
                    f"the certificate of {self.host} is refused: {reason} ({error.verify_message})",
                    f"renew the server's certificate for this name, or correct {trust}",
                ) from None
            except (ssl.SSLError, OSError) as error:
                reason = getattr(error, "reason", None) or str(error) or type(error).__name__
                mend = "check that this is its TLS port, and whether it asks clients for a certificate"
                raise Fault(f"{self.host}:{self.port} speaks no TLS with us ({reason})", mend) from None


def _life(certificate: object) -> str:
    """Until when a certificate is valid. Empty when it was not verified: it is then not read."""
    if not isinstance(certificate, dict) or "notAfter" not in certificate:
        return "the certificate is not verified"
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    return f"certificate valid until {end:%Y-%m-%d} ({(end - datetime.now(UTC)).days} days)"
