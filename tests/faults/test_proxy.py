"""The proxy breaks connections in the ways that it says."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from tests.faults.proxy import Proxy
from tests.polling import wait_for


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(100):
            self.request.sendall(data)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Before a server that says back what it hears."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with Proxy(server.server_address[1]) as proxy:
            yield proxy
        server.shutdown()


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with connect(proxy) as client:
        assert answers(client)
        yield client


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=30)


def answers(client: socket.socket) -> bool:
    client.sendall(b"hello")
    return client.recv(100) == b"hello"


def is_silent(client: socket.socket) -> bool:
    """Whether nothing comes back for a while."""
    client.sendall(b"hello")
    client.settimeout(0.2)
    try:
        return not client.recv(100)
    except TimeoutError:
        return True
    finally:
        client.settimeout(30)


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(100) == b""
    except ConnectionError:
        return True


def test_a_half_open_connection_is_silent_for_good_and_a_new_one_works(proxy: Proxy, client: socket.socket) -> None:
    proxy.halve()
    assert is_silent(client)
    with connect(proxy) as other:
        assert answers(other)
    assert is_silent(client)


def test_in_silence_connections_are_taken_and_never_answered_until_it_ends(proxy: Proxy, client: socket.socket) -> None:
    proxy.silence()
    with connect(proxy) as during:
        assert is_silent(client)
        assert is_silent(during)
        proxy.speak()
        assert is_silent(during)
    with connect(proxy) as after:
        assert answers(after)


def test_what_was_held_arrives_later(proxy: Proxy, client: socket.socket) -> None:
    proxy.hold()
    assert is_silent(client)
    proxy.let_go()
    assert client.recv(100) == b"hello"


def test_a_cut_connection_is_closed_on_both_sides_and_a_new_one_works(proxy: Proxy, client: socket.socket) -> None:
    proxy.cut()
    assert is_closed(client)
    wait_for(lambda: not proxy.server_side_ports, 30, what="the server's side is closed")
    with connect(proxy) as other:
        assert answers(other)


def test_the_end_of_one_side_is_passed_on(proxy: Proxy, client: socket.socket) -> None:
    client.close()
    wait_for(lambda: not proxy.server_side_ports, 30, what="the server's side is closed")
