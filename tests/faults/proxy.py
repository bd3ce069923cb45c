"""A TCP proxy that can break: what stands between a process and its server when the network is at fault."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass
from typing import Self

# Close with a reset, as a host does that knows nothing of the connection.
RESET = struct.pack("ii", 1, 0)
CHUNK = 65_536


@dataclass(eq=False)
class Link:
    """One connection: the client's side and the server's. When it is dead, both stay open and nothing passes."""

    client: socket.socket
    server: socket.socket
    dead: bool = False

    def close(self) -> None:
        for side in (self.client, self.server):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()


class Proxy:
    """Passes bytes between any number of clients and one port of this machine, until told otherwise."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._links: list[Link] = []
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._silent = False

    def __enter__(self) -> Self:
        self._flowing.set()
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._flowing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in self._open():
            link.close()

    @property
    def server_side_ports(self) -> list[int]:
        """The ports by which the server knows the open connections."""
        return [link.server.getsockname()[1] for link in self._open()]

    def halve(self) -> None:
        """The connections that are open become half-open: neither side hears the other again, or of its end.

        New ones pass, as when a node or a firewall forgot what it knew.
        """
        for link in self._open():
            link.dead = True

    def silence(self) -> None:
        """Swallow every byte, also of connections made from now on, until `speak`."""
        self._silent = True
        self.halve()

    def speak(self) -> None:
        """Let new connections pass. What was swallowed is gone, and its connections are dead for good."""
        self._silent = False

    def hold(self) -> None:
        """Stop passing bytes, losing none, until `let_go`."""
        self._flowing.clear()

    def let_go(self) -> None:
        self._flowing.set()

    def cut(self) -> None:
        """Reset every open connection on both sides."""
        for link in self._open():
            for side in (link.client, link.server):
                with contextlib.suppress(OSError):
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            link.close()

    def _open(self) -> list[Link]:
        with self._lock:
            self._links = [link for link in self._links if link.client.fileno() >= 0]
            return list(self._links)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=2)
            except OSError:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                client.close()
                continue
            server.settimeout(None)
            link = Link(client, server, dead=self._silent)
            with self._lock:
                self._links.append(link)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(link, source, sink), name="proxy", daemon=True).start()

    def _pump(self, link: Link, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                self._flowing.wait()
                if not link.dead:
                    sink.sendall(data)
        self._flowing.wait()
        if not link.dead:
            link.close()
