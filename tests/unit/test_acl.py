"""Redis' users: who may do what, and the file that says so. What Redis makes of it, the doctor's tests show."""

from __future__ import annotations

import hashlib

import pytest

from config.acl import NOBODY, ROLES, users_file
from config.queues import Queue

PROGRAMS = set(ROLES) - {"admin"}
LISTS = {f"~{queue}" for queue in Queue}


def test_nobody_but_the_roles_given_can_log_in() -> None:
    lines = users_file({"web": "a", "relay": "b"}).splitlines()
    assert lines[0] == f"user default {NOBODY}"
    assert NOBODY.split()[0] == "off"
    assert [line.split()[:3] for line in lines[1:]] == [["user", "web", "on"], ["user", "relay", "on"]]


def test_a_password_stands_there_as_its_digest() -> None:
    password = "pass > word #with %s and \u2603"
    text = users_file({"web": password})
    assert password not in text
    assert f"#{hashlib.sha256(password.encode()).hexdigest()}" in text


def test_every_user_starts_from_nothing() -> None:
    """Redis adds to what a user has; a rule that is taken out here must be gone there."""
    for line in users_file(dict.fromkeys(ROLES, "x")).splitlines()[1:]:
        assert line.split()[4:7] == ["resetkeys", "resetchannels", "-@all"]


@pytest.mark.covers(81)
@pytest.mark.parametrize("role", sorted(PROGRAMS))
def test_no_program_has_more_than_it_was_given(role: str) -> None:
    rights = set(ROLES[role])
    assert not rights & {"~*", "allkeys", "+@all", "allcommands", "nopass"}
    assert not {right for right in rights if right.startswith(("+flush", "+config", "+keys", "+acl", "+shutdown"))}


@pytest.mark.covers(81)
def test_only_workers_take_messages_and_only_they_and_the_relay_touch_what_is_in_flight() -> None:
    assert able({"+brpop", "+rpop"}, on=LISTS) == {"worker"}
    assert able({"+hset", "+hdel", "+zadd", "+zrem"}, on={"~unacked:*"}) == {"worker", "relay"}


def able(commands: set[str], *, on: set[str]) -> set[str]:
    """The programs that may use one of the commands on one of the keys."""
    return {role for role in PROGRAMS if commands & set(ROLES[role]) and on & set(ROLES[role])}


@pytest.mark.parametrize("role", ["web", "beat", "relay", "worker"])
def test_every_queue_can_be_sent_to(role: str) -> None:
    assert set(ROLES[role]) >= LISTS
    assert "+lpush" in ROLES[role]


@pytest.mark.covers(81)
def test_the_autoscaler_has_no_command_that_writes() -> None:
    """EVAL asks for the right to write a script's keys; the script itself may do what the user may."""
    assert {right for right in ROLES["keda"] if right.startswith("+")} == {
        "+@connection", "+eval", "+type", "+llen", "+hlen", "+zcard", "+scard",
    }  # fmt: skip
