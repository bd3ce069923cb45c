"""What the relay, web and Beat tell Prometheus, and that every role tells what is documented."""

from __future__ import annotations

import os
import re
import signal
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import gettempdir
from uuid import uuid4

import httpx
import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest

from config.queues import Queue
from jobs import broker, metrics
from jobs.messages import Stamped, message
from jobs.models import Job
from jobs.orders import enqueue_many
from jobs.services import retry
from jobs.states import State
from ops.fingerprint import fingerprint
from ops.metrics.collection import Collection
from schedules.definitions import Definition
from schedules.models import Schedule
from schedules.rules import Every
from schedules.services import create
from tests.guards.source import ROOT
from tests.integration.conftest import Stack
from tests.integration.scrapes import Port, Scrape
from tests.polling import wait_for
from tests.services import APPLICATION
from tests.testapp.tasks import Echo, Nap, Trouble, echo, nap, trouble

OFTEN = {"METRICS_INTERVAL": "0.2"}


def documented(role: str) -> set[str]:
    """The names in a role's table."""
    section = (ROOT / "docs" / "metrics.md").read_text().split(f"\n## {role.capitalize()}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE))


@pytest.mark.covers(44)
@pytest.mark.parametrize("role", ["web", "worker", "relay", "beat"])
def test_every_documented_metric_is_there_from_the_start_and_no_other(stack: Stack, role: str) -> None:
    port = Port()
    {"web": stack.web, "worker": stack.worker, "relay": stack.relay, "beat": stack.beat}[role](**port.variables)
    seen = port.up()
    named = {name for name in seen.named() if not name.startswith("process_")}
    assert named == documented(role)
    [build] = [one for one in seen.samples if one.name == "jobs_build_info"]
    assert build.labels == {"version": "unknown", "role": role, "fingerprint": fingerprint()}
    assert seen.total("process_resident_memory_bytes") > 10_000_000


@pytest.mark.covers(44)
def test_the_relay_tells_what_waits_runs_and_died(stack: Stack) -> None:
    port = Port()
    stack.relay(**port.variables, **OFTEN)
    worker = stack.worker(WORKER_CONCURRENCY="1", JOB_LEASE="60")
    stack.running(nap.enqueue(Nap(seconds=300)))
    for _ in range(3):
        echo.enqueue(Echo(text="waits"))
    port.until(3, "jobs_active", state="queued")
    port.until(1, "jobs_active", queue="default", type="testapp.nap_default", state="running")
    port.until(1, "jobs_queue_in_flight", queue="default")
    # Rows and messages are not counted at the same moment.
    seen = port.until(stack.messages(), "jobs_queue_ready", queue="default")
    assert seen.total("jobs_queue_ready", queue="heavy") == 0
    assert {queue: seen.total("jobs_queue_target_seconds", queue=queue) for queue in map(str, Queue)} == {
        queue.value: queue.lane.target for queue in Queue
    }
    wait_for(lambda: port.scrape().total("jobs_queue_oldest_seconds", queue="default") > 2, 30, what="it grew older")
    assert port.scrape().values("jobs_queue_oldest_seconds", queue="io") == [0]
    assert worker.running


@pytest.mark.covers(44)
def test_what_has_not_happened_is_told_as_0(stack: Stack) -> None:
    """A panel without a line, and an alert on a series that is new, say nothing of whether all is well."""
    port = Port()
    stack.relay(**port.variables, **OFTEN)
    counts = ("jobs_swept_total", "jobs_reaped_total", "jobs_redispatched_total", "jobs_dispatch_failures_total")
    seen = port.up()
    assert {name: seen.values(name) for name in counts} == {name: [0] * len(Queue) for name in counts}
    idle = wait_for(lambda: port.scrape().values("jobs_active", type="testapp.echo"), 30, what="jobs were looked at")
    assert idle == [0, 0, 0]


@pytest.mark.covers(44)
def test_dead_letters_are_counted_until_somebody_retries_them(stack: Stack) -> None:
    port = Port()
    stack.relay(**port.variables, **OFTEN)
    stack.worker()
    [job] = stack.ended([trouble.enqueue(Trouble(raises="permanent", until_attempt=9))], 30).values()
    port.until(1, "jobs_dead_letters", type="testapp.trouble", reason="failed")
    Job.objects.filter(id=job.id).update(payload={"raises": ""})
    again = retry(job.id)
    stack.ended([again], 30)
    port.until(0, "jobs_dead_letters")


@pytest.mark.covers(44)
def test_what_the_relay_mends_is_counted(stack: Stack) -> None:
    port = Port()
    stack.relay(**port.variables, **OFTEN)
    worker = stack.worker()
    stack.running(nap.enqueue(Nap(seconds=600)))
    later = echo.enqueue(Echo(text="x"), run_at=timezone.now() + timedelta(seconds=4))
    stack.ended([later], 30)
    port.until(1, "jobs_swept_total", queue="default")
    worker.kill()
    seen = port.until(1, "jobs_reaped_total", queue="default", within=40)
    assert seen.total("jobs_attempts_total", end="lost", type="testapp.nap_default") == 1
    assert seen.total("jobs_losses_total", reason="lost") == 1
    assert stack.messages() == 1, "the message of the next attempt was pushed before the reaping was counted"
    lost = echo.enqueue(Echo(text="message goes away"))
    sent = Job.objects.get(id=lost.id).dispatch
    with stack.redis.client() as client:
        client.delete("default")
    port.until(2, "jobs_redispatched_total", queue="default", within=60)
    assert Job.objects.get(id=lost.id).dispatch == sent + 1


@pytest.mark.covers(44)
def test_the_relay_tells_how_its_servers_are(stack: Stack) -> None:
    port = Port()
    stack.relay(**port.variables, **OFTEN)
    wait_for(lambda: port.scrape().total("jobs_certificate_expiry_timestamp_seconds", server="redis"), 30, what="seen")
    wait_for(lambda: port.scrape().total("jobs_relay_last_round_timestamp_seconds"), 30, what="a round has ended")
    seen = port.scrape()
    with stack.redis.client() as client:
        info = client.info()
    assert seen.total("jobs_redis_memory_used_bytes") == pytest.approx(info["used_memory"], rel=0.5)
    assert seen.total("jobs_redis_memory_max_bytes") == info["maxmemory"]
    assert seen.values("jobs_redis_aof_write_ok") == [1]
    assert seen.values("jobs_redis_rejected_writes_total") == [0]
    assert seen.total("jobs_redis_connected_clients") >= 1
    assert 2 <= seen.total("jobs_postgres_connections") <= seen.total("jobs_postgres_connections_max")
    assert seen.total("jobs_certificate_expiry_timestamp_seconds", server="redis") > time.time() + 3600
    assert abs(seen.total("jobs_relay_last_round_timestamp_seconds") - time.time()) < 30


def test_what_cannot_be_seen_is_shown_no_more_and_comes_back(stack: Stack) -> None:
    port = Port()
    relay = stack.relay(**port.variables, **OFTEN)
    wait_for(lambda: port.scrape().values("jobs_redis_connected_clients"), 30, what="Redis seen")
    stack.redis.stop()
    try:
        wait_for(lambda: not port.scrape().values("jobs_redis_connected_clients"), 30, what="nothing of Redis")
        assert port.scrape().values("jobs_postgres_connections"), "PostgreSQL is seen all the same"
        wait_for(lambda: not port.scrape().values("jobs_queue_ready"), 30, what="no list's length")
        assert port.scrape().values("jobs_queue_oldest_seconds", queue="default") == [0]
    finally:
        stack.redis.start()
    wait_for(lambda: port.scrape().values("jobs_redis_connected_clients"), 30, what="Redis seen again")
    assert relay.running


@pytest.mark.covers(44)
def test_a_turn_that_beat_does_not_take_is_late(stack: Stack) -> None:
    port = Port()
    definition = Definition(
        name="testapp.often",
        type="testapp.echo",
        payload={"text": "x"},
        rule=Every(timedelta(seconds=1)),
        expires=timedelta(days=1),
    )
    declared = create(definition, None)
    stack.relay(**port.variables, **OFTEN)
    wait_for(lambda: port.scrape().total("jobs_schedule_lag_seconds", schedule="testapp.often") > 2, 30, what="late")
    assert port.scrape().values("jobs_schedule_lag_seconds", schedule="users") == [0]
    beat_port = Port()
    stack.beat(**beat_port.variables)
    beat_port.up()
    wait_for(lambda: port.scrape().total("jobs_schedule_lag_seconds", schedule="testapp.often") < 2, 30, what="in time")
    tick = wait_for(lambda: beat_port.scrape().total("jobs_beat_last_tick_timestamp_seconds"), 30, what="Beat ticked")
    assert abs(tick - time.time()) < 30
    wait_for(lambda: beat_port.scrape().total("jobs_enqueued_total", type="testapp.echo") >= 1, 30, what="Beat's jobs")
    assert Schedule.objects.get(pk=declared.pk).fault == ""


@pytest.mark.covers(44)
def test_webs_processes_count_together(stack: Stack) -> None:
    port = Port()
    web = stack.web(WEB_PROCESSES="2", **port.variables)
    assert port.up().values("jobs_dispatch_failures_total") == [0] * len(Queue)
    url = f"{APPLICATION.url}/health/"
    wait_for(lambda: status(f"{url}live") == 200, 30, what="web answers")
    before = port.scrape().total("http_requests_total", route="health/live")
    for _ in range(40):
        assert status(f"{url}live") == 200
    assert status(f"{APPLICATION.url}/nowhere/1234567") == 404
    seen = port.until(before + 40, "http_requests_total", route="health/live", method="GET", status="200")
    assert seen.total("http_requests_total", route="(none)", status="404") == 1
    assert seen.total("http_request_duration_seconds_count", route="health/live") == before + 40
    assert "1234567" not in seen.text

    # A process that ended is counted all the same.
    wait_for(lambda: len(stack.children(web)) == 2, 30, what="two processes")
    children = stack.children(web)
    os.kill(children[0], signal.SIGKILL)
    wait_for(lambda: children[0] not in stack.children(web) and len(stack.children(web)) == 2, 30, what="another one")
    assert port.scrape().total("http_requests_total", route="health/live") >= before + 40
    folder = Path(gettempdir(), f"jobs-metrics-{port.number}")
    assert folder.is_dir()
    web.stop()
    assert not folder.exists()


@pytest.mark.covers(44)
def test_a_scrape_is_cheap_with_100_000_waiting_messages(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds Python's lock, and so the relay's loop, for less than 5 ms, and asks no server anything."""
    with connection.cursor() as cursor:
        cursor.execute(MANY_WAITING, [100_000])
    text = message(Stamped(uuid4(), "default", 1, datetime.now(UTC) - timedelta(minutes=1)))
    for _ in range(100):
        broker.client().lpush("default", *[text] * 1_000)
    collection, registry = Collection(), CollectorRegistry()
    registry.register(collection)
    took = {}
    for look in collection.looks:
        began = time.thread_time()
        look.take()
        took[look.see.__name__] = round(time.thread_time() - began, 4)
        assert not look.fault, look.fault
    assert took["queues"] < 0.05, took

    costs = []
    commands = broker.client().info("stats")["total_commands_processed"]
    with CaptureQueriesContext(connection) as queries:
        for _ in range(50):
            began = time.thread_time()
            answer = generate_latest(registry)
            costs.append(time.thread_time() - began)
    # The second question itself.
    assert broker.client().info("stats")["total_commands_processed"] - commands == 1
    assert not len(queries)
    seen = Scrape(answer.decode())
    assert seen.total("jobs_queue_ready", queue="default") == 100_000
    assert seen.total("jobs_active", state="queued", type="testapp.echo") == 100_000
    assert seen.total("jobs_queue_oldest_seconds", queue="default") >= 60
    assert statistics.median(costs) < 0.005, f"{statistics.median(costs) * 1000:.2f} ms"


MANY_WAITING = """
    INSERT INTO jobs_job (id, type, queue, state, dispatch, dispatched_at)
    SELECT gen_random_uuid(), 'testapp.echo', 'default', 'queued', 1, now() FROM generate_series(1, %s)
"""


def status(url: str) -> int:
    """0 while nobody answers."""
    try:
        return httpx.get(url, timeout=5).status_code
    except httpx.TransportError:
        return 0


def test_a_dispatch_that_failed_is_counted(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, as in any that makes jobs."""
    monkeypatch.setattr(settings, "METRICS_PORT", 1)
    failures = metrics.DISPATCH_FAILURES.labels("default")
    before = failures._value.get()
    stack.redis.stop()
    try:
        enqueue_many(echo.order(Echo(text=str(number))) for number in range(7))
    finally:
        stack.redis.start()
    assert failures._value.get() == before + 7
    assert Job.objects.filter(state=State.QUEUED, dispatched_at=None).count() == 7
