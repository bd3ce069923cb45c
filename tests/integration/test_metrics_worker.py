"""What workers tell Prometheus, against what really happened."""

from __future__ import annotations

import base64
import json
import os
import signal
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command

from config.queues import Queue
from jobs import broker
from jobs.models import Job
from jobs.services import cancel
from tests.integration.conftest import Stack
from tests.integration.scrapes import Port
from tests.polling import wait_for
from tests.testapp.models import Run
from tests.testapp.tasks import Echo, Nap, Trouble, Whole, echo, nap, nap_on, plain, trouble, whole


@pytest.mark.covers(44, 65)
def test_attempts_are_counted_by_their_end(stack: Stack) -> None:
    port = Port()
    worker = stack.worker(**port.variables)
    stack.relay()
    before = port.scrape()
    assert before.total("jobs_attempts_total") == 0
    assert before.values("jobs_worker_slots", queue="default") == [Queue.DEFAULT.lane.concurrency]

    made = [echo.enqueue(Echo(text="x")) for _ in range(5)]
    made.append(trouble.enqueue(Trouble(raises="transient", until_attempt=2)))
    made.append(trouble.enqueue(Trouble(raises="permanent")))
    made.append(trouble.enqueue(Trouble(signals=signal.SIGKILL, until_attempt=2)))
    made.append(trouble.enqueue(Trouble(raises="memory", until_attempt=2)))
    jobs = stack.ended(made, 60)
    assert sorted(job.state for job in jobs.values()) == ["dead"] + 8 * ["succeeded"]

    port.until(12, "jobs_attempts_total")
    seen = port.until(11, "jobs_run_seconds_count")
    assert seen.total("jobs_attempts_total", end="succeeded") == 8
    assert seen.total("jobs_attempts_total", type="testapp.echo", end="succeeded", queue="default") == 5
    ends = {end: seen.total("jobs_attempts_total", end=end) for end in ("failed", "dead", "lost", "cancelled")}
    assert ends == {"failed": 1, "dead": 1, "lost": 2, "cancelled": 0}
    assert seen.total("jobs_failures_total", type="testapp.trouble", reason="failed") == 2
    assert seen.total("jobs_losses_total", reason="lost") == 1
    assert seen.total("jobs_losses_total", reason="memory") == 1
    assert seen.total("jobs_retries_total", type="testapp.trouble") == 3
    # Each job's first attempt waited; every attempt but the killed one ran to its end.
    assert seen.total("jobs_wait_seconds_count") == 9
    assert seen.total("jobs_run_seconds_count") == 11
    assert worker.running


@pytest.mark.covers(65)
def test_waiting_and_running_times_are_those_that_were(stack: Stack) -> None:
    port = Port()
    waiting = [nap.enqueue(Nap(seconds=0.3)) for _ in range(2)]
    stack.worker(**port.variables)
    jobs = stack.ended(waiting, 30)
    seen = port.until(2, "jobs_run_seconds_count")
    waited = sum((job.started_at - job.run_at).total_seconds() for job in jobs.values() if job.started_at)
    assert seen.total("jobs_wait_seconds_sum", type="testapp.nap_default") == pytest.approx(waited, abs=0.01)
    ran = sum((job.finished_at - job.started_at).total_seconds() for job in jobs.values())
    assert 0.6 <= seen.total("jobs_run_seconds_sum", type="testapp.nap_default") <= ran + 0.1
    assert seen.total("jobs_run_seconds_bucket", le="0.1") == 0


def test_slots_are_busy_while_something_runs_there(stack: Stack) -> None:
    port = Port()
    stack.worker(**port.variables)
    job = nap.enqueue(Nap(seconds=300))
    port.until(1, "jobs_worker_slots_busy", queue="default")
    cancel(job.id)
    stack.ended([job], 30)
    port.until(0, "jobs_worker_slots_busy", queue="default")


def test_threads_count_in_their_own_process(stack: Stack) -> None:
    port = Port()
    stack.worker(Queue.IO, **port.variables)
    stack.ended([nap_on[Queue.IO].enqueue(Nap()) for _ in range(3)], 30)
    seen = port.until(3, "jobs_attempts_total", end="succeeded", queue="io")
    assert seen.total("jobs_run_seconds_count", queue="io") == 3


def test_what_a_child_enqueues_is_counted_by_the_main_process(stack: Stack) -> None:
    port = Port()
    stack.worker(**port.variables)
    stack.relay()
    stack.ended([whole.enqueue(Whole(parts=3))], 30)
    # Each child's counts come by a way of its own: four parts, and three attempts of the whole.
    port.until(7, "jobs_attempts_total")
    seen = port.until(4, "jobs_enqueued_total", type="testapp.part")
    assert seen.total("jobs_attempts_total", type="testapp.whole", end="succeeded") == 1
    assert seen.total("jobs_attempts_total", type="testapp.whole", end="waiting") == 2


def test_attempts_that_are_given_back_are_counted(stack: Stack) -> None:
    port = Port()
    worker = stack.worker(WORKER_GRACE_PERIOD="20", **port.variables)
    stack.running(nap.enqueue(Nap(seconds=120)))
    os.kill(worker.pid, signal.SIGTERM)
    # It ends soon afterwards: whoever asks every few seconds may miss it, as with all that a pod does last.
    assert wait_for(lambda: Job.objects.get().state == "queued", 30, what="the job given back")


def test_a_child_that_follows_another_does_not_hold_the_port(stack: Stack) -> None:
    port = Port()
    worker = stack.worker(**port.variables)
    stack.relay()
    stack.ended([trouble.enqueue(Trouble(signals=signal.SIGKILL, until_attempt=2))], 30)
    port.until(1, "jobs_attempts_total", end="lost")
    assert listens(worker.pid, port.number)
    # A fork holds all that its parent holds, until its first lines have run.
    wait_for(
        lambda: not any(listens(child, port.number) for child in stack.children(worker)), 30, what="no child listens"
    )


def test_plain_tasks_are_counted_by_their_end(stack: Stack) -> None:
    port = Port()
    stack.worker(**port.variables)
    for _ in range(2):
        plain.delay()
    plain.delay("not a number")
    plain.apply_async(expires=-1)
    wait_for(lambda: Run.objects.count() == 2, 30, what="two plain tasks")
    seen = port.until(4, "jobs_tasks_total", task=plain.name)
    ends = {end: seen.total("jobs_tasks_total", task=plain.name, end=end) for end in ("succeeded", "failed", "revoked")}
    assert ends == {"succeeded": 2, "failed": 1, "revoked": 1}
    assert seen.total("jobs_task_run_seconds_count", task=plain.name, queue="default") == 3
    assert seen.total("jobs_attempts_total") == 0


def unknown_message(task: str) -> str:
    """As Celery would send it."""
    body = base64.b64encode(json.dumps([[], {}, {}]).encode()).decode()
    properties = {
        "correlation_id": "1", "reply_to": "", "delivery_mode": 2, "priority": 0, "body_encoding": "base64",
        "delivery_info": {"exchange": "", "routing_key": "default"}, "delivery_tag": str(uuid4()),
    }  # fmt: skip
    headers = {"lang": "py", "task": task, "id": str(uuid4()), "root_id": "1", "retries": 0, "enqueued_at": 1.0}
    return json.dumps(
        {"body": body, "content-encoding": "utf-8", "content-type": "application/json", "headers": headers,
         "properties": properties}
    )  # fmt: skip


@pytest.mark.covers(115)
def test_messages_of_unknown_tasks_are_counted_kept_and_can_be_sent_again(stack: Stack) -> None:
    port = Port()
    worker = stack.worker(**port.variables)
    sent = json.loads(unknown_message("shop.not_deployed_yet"))
    broker.client().lpush("default", json.dumps(sent))
    broker.client().lpush("default", unknown_message(plain.name))
    wait_for(lambda: Run.objects.count() == 1, 30, what="the next message done")
    port.until(1, "jobs_unknown_messages_total", queue="default")

    [kept] = [json.loads(text) for text in broker.client().lrange("unknown:default", 0, -1)]
    assert kept["headers"] == sent["headers"]
    assert kept["body"] == sent["body"]
    out = StringIO()
    call_command("unknown_messages", "list", stdout=out)
    assert "default" in out.getvalue()
    assert "shop.not_deployed_yet" in out.getvalue()

    call_command("unknown_messages", "send", "--queue=default", stdout=out)
    assert "default: 1 sent again" in out.getvalue()
    # This worker does not know it any better.
    port.until(2, "jobs_unknown_messages_total", queue="default")
    assert len(broker.unknown("default")) == 1
    assert worker.running
    wait_for(lambda: stack.in_flight() == 0, 30, what="every message was acknowledged")


@pytest.mark.covers(115)
def test_no_more_messages_of_unknown_tasks_are_kept_than_the_newest(stack: Stack) -> None:
    with stack.redis.client() as client:
        client.lpush("unknown:default", *map(str, range(broker.UNKNOWN_KEPT)))
        stack.worker()
        broker.client().lpush("default", unknown_message("unknown.newest"))
        wait_for(lambda: broker.unknown("default")[-1].task == "unknown.newest", 30, what="the newest one kept")
        assert client.llen("unknown:default") == broker.UNKNOWN_KEPT
        assert client.lindex("unknown:default", -1) in (b"1", "1"), "the oldest went"


@pytest.mark.covers(44)
def test_many_ids_make_no_more_series(stack: Stack) -> None:
    port = Port()
    stack.worker(**port.variables)
    stack.ended([echo.enqueue(Echo(text="x")) for _ in range(2)], 30)
    few = port.until(2, "jobs_attempts_total", end="succeeded")
    stack.ended([echo.enqueue(Echo(text=str(number))) for number in range(300)], 60)
    many = port.until(302, "jobs_attempts_total", end="succeeded")
    assert set(few.series()) == set(many.series())
    assert not any(str(job_id) in many.text for job_id in Job.objects.values_list("id", flat=True))


def test_nothing_listens_where_no_port_is_set(stack: Stack) -> None:
    worker = stack.worker()
    stack.ended([echo.enqueue(Echo(text="x"))], 30)
    assert not listens(worker.pid)


def listens(pid: int, port: int | None = None) -> bool:
    """Whether the process has a socket that listens on the port, or on any."""
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    wanted = {f"socket:[{row[9]}]" for row in table if row[3] == "0A" and port in (None, int(row[1][-4:], 16))}
    return bool(wanted & {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()})
