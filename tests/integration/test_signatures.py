"""Signed messages: what nobody with a key has sent is set aside, and no job is lost for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from config import signatures
from config.signatures import Key
from jobs import broker
from jobs.states import State
from tests.integration.conftest import Stack
from tests.integration.scrapes import Port
from tests.polling import wait_for
from tests.testapp.models import Run
from tests.testapp.tasks import Echo, echo, plain

OLD, NEW, STRANGE = (Key(name, name * 12) for name in ("old", "new", "strange"))


def words(*keys: Key, required: bool = True) -> dict[str, str]:
    """The variables of a process that has these keys."""
    pairs = ",".join(f"{key.name}:{key.secret}" for key in keys)
    return {"MESSAGE_KEYS": pairs, "MESSAGE_SIGNATURE_REQUIRED": str(required).lower()}


def taken(stack: Stack) -> bool:
    return stack.messages() == stack.in_flight() == 0


@pytest.mark.covers(80)
def test_a_job_whose_message_has_no_signature_is_done_by_way_of_another_one(stack: Stack) -> None:
    port = Port()
    worker = stack.worker(**words(NEW), **port.variables)
    job = echo.enqueue(Echo(text="ab"))
    port.until(1, "jobs_unknown_messages_total", queue="default")  # counted when it has been set aside
    assert [one.job_id for one in broker.unknown("default")] == [job.id]
    stack.relay(**words(NEW))
    assert stack.ended([job], 30)[job.id].state == State.SUCCEEDED
    assert worker.running
    assert "it has no signature" in worker.log.read_text()


@pytest.mark.covers(80)
@pytest.mark.parametrize("required", [True, False])
def test_messages_with_a_bad_signature_are_set_aside(stack: Stack, settings: Settings, required: bool) -> None:
    settings.MESSAGE_KEYS = [NEW]
    plain.apply_async(countdown=1)
    with stack.redis.client() as client:
        sound = json.loads(client.rpop("default"))
        bad = [change(json.loads(json.dumps(sound))) for change in FORGERIES.values()]
        client.lpush("default", *map(json.dumps, bad))
    stack.worker(**words(NEW, required=required))
    wait_for(lambda: len(broker.unknown("default")) == len(bad), 30, what="each is set aside")
    assert taken(stack)
    assert Run.objects.count() == 0


def otherwise(place: str, name: str, value: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(message: dict[str, Any]) -> dict[str, Any]:
        (message[place] if place else message)[name] = value
        return message

    return change


def signed_by_a_stranger(message: dict[str, Any]) -> dict[str, Any]:
    signatures.sign(message, STRANGE)
    return message


FORGERIES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "another body": otherwise("", "body", "W1tdLCB7fSwge31d"),
    "another task": otherwise("headers", "task", "testapp.plain_greedy"),
    "another time": otherwise("headers", "eta", "2001-01-01T00:00:00+00:00"),
    "a header more": otherwise("headers", "shadow_of", "x"),
    "an unknown key": signed_by_a_stranger,
    "a number": otherwise("headers", "signature", 7),
    "no digits": otherwise("headers", "signature", "new:é"),
}


@pytest.mark.covers(80)
def test_an_older_key_verifies_while_the_newer_one_is_brought_in(stack: Stack, settings: Settings) -> None:
    stack.worker(**words(NEW, OLD))
    for key in (OLD, NEW):
        settings.MESSAGE_KEYS = [key]
        job = echo.enqueue(Echo(text="ab"))
        assert stack.ended([job], 30)[job.id].state == State.SUCCEEDED
        plain.delay()
        plain.apply_async(eta=timezone.now() + timedelta(seconds=0.5), expires=60, headers={"colour": {"a": [1, 2.5]}})
    wait_for(lambda: Run.objects.count() == 4, 30, what="four plain tasks")
    wait_for(lambda: taken(stack), 30, what="no message is left")
    assert broker.unknown("default") == []


@pytest.mark.covers(80)
def test_messages_without_a_signature_pass_where_none_is_required(stack: Stack) -> None:
    stack.worker(**words(NEW, required=False))
    job = echo.enqueue(Echo(text="ab"))
    assert stack.ended([job], 30)[job.id].state == State.SUCCEEDED


@pytest.mark.covers(80)
def test_a_signed_message_that_was_given_back_still_counts(stack: Stack, settings: Settings) -> None:
    """kombu writes into its headers that it came before."""
    settings.MESSAGE_KEYS = [NEW]
    plain.delay()
    with stack.redis.client() as client:
        message = json.loads(client.rpop("default"))
        message["headers"]["redelivered"] = True
        client.lpush("default", json.dumps(message))
    stack.worker(**words(NEW))
    wait_for(lambda: Run.objects.count() == 1, 30, what="the task is done")
