"""Celery's events, for those who count them: sent where that is asked for, and heard by the exporter's Redis user."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from celery import Celery

from config.queues import Queue
from devstack.redis import Redis
from tests.integration.conftest import Stack
from tests.polling import wait_for
from tests.testapp.errands import Errand, errand_on

TASK = {"task-received", "task-started", "task-succeeded"}


def watcher(redis: Redis) -> Celery:
    """A Celery that knows the broker and nothing else, as celery-exporter does."""
    broker = redis.url.replace("rediss://", f"rediss://exporter:{redis.password('exporter')}@")
    app = Celery("watcher", broker=broker, set_as_current=False)
    app.conf.broker_use_ssl = {
        "ssl_ca_certs": str(redis.certificates.ca),
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
    }
    app.conf.broker_transport_options = {"priority_steps": [0]}
    return app


@contextmanager
def listening(app: Celery) -> Iterator[set[tuple[str, str]]]:
    """What is heard meanwhile: an event's type and the queue of the worker that sent it."""
    heard: set[tuple[str, str]] = set()

    def note(event: dict[str, str]) -> None:
        heard.add((event["type"], event["hostname"].split("@")[0]))

    with app.connection() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": note})
        thread = threading.Thread(target=lambda: receiver.capture(limit=None, timeout=None, wakeup=False))
        thread.start()
        try:
            yield heard
        finally:
            receiver.should_stop = True
            thread.join()


@pytest.mark.covers(44, 81)
def test_only_a_worker_that_was_asked_to_sends_events_and_heartbeats(stack: Stack) -> None:
    stack.worker(Queue.CRITICAL, WORKER_EVENTS="true")
    stack.worker(Queue.DEFAULT)
    with listening(watcher(stack.redis)) as heard:
        wait_for(lambda: ("worker-heartbeat", "critical") in heard, 30, what="a heartbeat was heard")
        jobs = [errand_on[queue].enqueue(Errand()) for queue in (Queue.DEFAULT, Queue.CRITICAL)]
        stack.ended(jobs, 30)
        wait_for(lambda: {kind for kind, _ in heard.copy()} >= TASK, 30, what="the job was heard of")
    assert {queue for _, queue in heard} == {"critical"}


@pytest.mark.covers(81)
def test_the_exporters_user_can_ask_workers_what_they_serve(stack: Stack) -> None:
    stack.worker(Queue.CRITICAL)
    with stack.redis.client() as admin:
        admin.acl_log_reset()
    asked = watcher(stack.redis).control.inspect(timeout=5)
    # Redis keeps no question for a worker that is about to listen.
    answers = wait_for(asked.active_queues, 60, what="the worker answers")
    assert [queue["name"] for queues in answers.values() for queue in queues] == ["critical"]
    assert wait_for(asked.stats, 60, what="the worker answers again")
    with stack.redis.client() as admin:
        assert admin.acl_log() == []
