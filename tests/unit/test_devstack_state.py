"""What a checkout remembers, its ports and its lock."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from devstack import ports
from devstack.errors import StackError
from devstack.processes import Process, Ties
from devstack.state import Lock, State
from tests.polling import wait_for


def listener(port: int) -> socket.socket:
    server = socket.create_server(("127.0.0.1", port))
    server.listen()
    return server


def test_a_free_port_is_below_those_of_outgoing_connections() -> None:
    assert ports.FIRST <= ports.free_port() <= ports.LAST < 32768


def test_a_port_that_is_listened_on_is_not_free() -> None:
    port = ports.free_port()
    with listener(port):
        assert not ports.is_free(port)
    assert ports.is_free(port)


def test_secrets_and_ports_are_kept(tmp_path: Path) -> None:
    before = State(tmp_path)
    secret, port = before.secret("postgres"), before.claim_port("redis")

    after = State(tmp_path)
    assert (after.secret("postgres"), after.claim_port("redis"), after.port("redis")) == (secret, port, port)


def test_two_checkouts_share_no_secret(tmp_path: Path) -> None:
    assert State(tmp_path / "a").secret("postgres") != State(tmp_path / "b").secret("postgres")


def test_a_port_that_somebody_took_is_chosen_anew_and_kept(tmp_path: Path) -> None:
    state = State(tmp_path)
    before = state.claim_port("web")
    with listener(before):
        assert state.port("web") == before, "a running server is still found where it is"
        after = state.claim_port("web")
    assert after != before
    assert state.claim_port("web") == after


def test_a_port_that_was_never_claimed_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="web never ran in this checkout; start the stack with `make up`"):
        State(tmp_path).port("web")


def test_only_the_owner_can_read_the_secrets(tmp_path: Path) -> None:
    State(tmp_path).secret("postgres")

    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600


def test_a_broken_state_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")

    with pytest.raises(StackError, match=r"state\.json is not JSON .*; start afresh with `make clean`"):
        State(tmp_path).secret("postgres")


def test_a_second_stack_of_the_same_checkout_is_refused(tmp_path: Path) -> None:
    first = Lock(tmp_path)
    first.acquire()
    first.sign("http://127.0.0.1:20000")

    with pytest.raises(StackError, match=rf"already running \(pid {os.getpid()}, http://127.0.0.1:20000\)"):
        Lock(tmp_path).acquire()

    first.release()
    assert Lock(tmp_path).holder() is None
    Lock(tmp_path).acquire()


def test_the_lock_is_held_until_the_last_process_is_gone(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    lock.acquire()
    lock.sign("http://127.0.0.1:20000")
    command = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(600)"]
    process = Process("program", command, log=tmp_path / "log", ties=Ties(holds=(lock.descriptor,)))
    process.start()
    wait_for(lambda: "ready" in process.log.read_text(), 60, what="the program runs")

    lock.release()
    assert Lock(tmp_path).holder() is not None
    process.stop()
    # The last one is the watcher, which clears away what the program left behind.
    wait_for(lambda: Lock(tmp_path).holder() is None, 30, what="the lock is free")
    Lock(tmp_path).acquire()
