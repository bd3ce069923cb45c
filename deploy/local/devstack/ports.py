"""Ports on loopback that the kernel will not hand to anybody by itself.

They are below the range of outgoing connections (from 32768 on Linux, 49152 on macOS). A client that keeps trying to
reach a stopped server on a port of that range is sooner or later given that very port for its own end, connects to
itself, and the server cannot come back.
"""

from __future__ import annotations

import secrets
import socket

from devstack.errors import StackError

FIRST, LAST = 20000, 32767
TRIES = 200


def is_free(port: int) -> bool:
    """Whether nobody listens on the port. The answer may be old when it arrives."""
    with socket.socket() as probe:
        # As servers do; without it, connections that ended a minute ago would count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody uses now, picked at random so that two who ask at once get two."""
    for _ in range(TRIES):
        port = FIRST + secrets.randbelow(LAST - FIRST + 1)
        if is_free(port):
            return port
    raise StackError(f"no free port found in {TRIES} tries between {FIRST} and {LAST}; end what listens there")
