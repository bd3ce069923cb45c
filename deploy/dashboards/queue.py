"""One queue, chosen by a variable."""

from __future__ import annotations

from config.queues import Queue
from deploy.dashboards.panels import Dashboard, Json, Panel, Row, of, quantile, rate

CHOSEN = 'queue="$queue"'


def dashboard() -> Dashboard:
    return Dashboard(
        uid="jobs-queue",
        title="Background jobs: one queue",
        about="What waits, runs and fails on one queue, by job type.",
        rows=[load(), outcomes(), times(), plain_tasks()],
        variables=[queues()],
    )


def queues() -> Json:
    """The variable: the list in app/config/queues.py, so that a queue without any series can be chosen too."""
    first, *_ = names = [str(queue) for queue in Queue]
    options = [{"text": name, "value": name, "selected": name == first} for name in names]
    return {
        "name": "queue",
        "label": "queue",
        "type": "custom",
        "query": ",".join(names),
        "options": options,
        "current": {"text": first, "value": first},
    }


def load() -> Row:
    waits = {
        "longest wait": f"max({of('jobs_queue_oldest_seconds', CHOSEN)})",
        "target": f"max({of('jobs_queue_target_seconds', CHOSEN)})",
    }
    slots = {
        "busy": f"sum({of('jobs_worker_slots_busy', CHOSEN)})",
        "all": f"sum({of('jobs_worker_slots', CHOSEN)})",
    }
    messages = {
        "waiting": f"max({of('jobs_queue_ready', CHOSEN)})",
        "in flight": f"max({of('jobs_queue_in_flight', CHOSEN)})",
    }
    return Row("Load", [
        Panel(title="Messages", asks=messages, stacked=True, width=6,
              about="Waiting in the list; taken and not acknowledged. KEDA counts the two."),
        Panel(title="Longest wait and target", asks=waits, unit="s", width=6),
        Panel(title="Slots", asks=slots, width=6, about="How many attempts the workers can run at a time, and do."),
        Panel(title="Jobs by state", asks={"{{state}}": f"sum by (state) ({of('jobs_active', CHOSEN)})"},
              stacked=True, width=6, about="Rows: scheduled ones wait for their time, queued ones for a worker."),
    ])  # fmt: skip


def outcomes() -> Row:
    def by(metric: str, labels: str) -> str:
        return rate(metric, labels, CHOSEN)

    return Row("Outcomes", [
        Panel(title="Jobs asked for", asks={"{{type}}": by("jobs_enqueued_total", "type")}, unit="ops", stacked=True),
        Panel(title="Attempts by their end", asks={"{{end}}": by("jobs_attempts_total", "end")}, unit="ops",
              stacked=True),
        Panel(title="Attempts to be tried again", asks={"{{type}}": by("jobs_retries_total", "type")}, unit="ops"),
        Panel(title="Failures", asks={"{{type}}: {{reason}}": by("jobs_failures_total", "type, reason")}, unit="ops"),
        Panel(title="Losses", asks={"{{type}}: {{reason}}": by("jobs_losses_total", "type, reason")}, unit="ops"),
        Panel(title="Messages that no worker can use", asks={"{{queue}}": by("jobs_unknown_messages_total", "queue")},
              unit="ops",
              about="They name no known task, or cannot be read: a producer is ahead of the workers, or not ours."),
    ])  # fmt: skip


def times() -> Row:
    waits = {
        "half": quantile(0.5, "jobs_wait_seconds", "queue", CHOSEN),
        "95 %": quantile(0.95, "jobs_wait_seconds", "queue", CHOSEN),
    }
    runs = {"{{type}}": quantile(0.95, "jobs_run_seconds", "type", CHOSEN)}
    return Row("Times", [
        Panel(title="Wait until the first attempt", asks=waits, unit="s", width=12),
        Panel(title="An attempt's run, 95 %", asks=runs, unit="s", width=12),
    ])  # fmt: skip


def plain_tasks() -> Row:
    ends = {"{{task}}: {{end}}": rate("jobs_tasks_total", "task, end", CHOSEN)}
    runs = {"{{task}}": quantile(0.95, "jobs_task_run_seconds", "task", CHOSEN)}
    return Row("Plain tasks", [
        Panel(title="By their end", asks=ends, unit="ops", width=12),
        Panel(title="A run, 95 %", asks=runs, unit="s", width=12),
    ])  # fmt: skip
