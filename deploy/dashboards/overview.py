"""Everything at a glance: what waits, what runs, what fails, and whether those who must work do."""

from __future__ import annotations

from deploy.dashboards.panels import Dashboard, Panel, Row, of, quantile, rate

# Containers of the application.
ROLES = 'container=~"web|worker|beat|relay"'
# Attempts that raised, and those that came to an end of their own.
FAILED = 'end=~"failed|dead"'
ENDED = 'end=~"succeeded|failed|dead"'


def dashboard() -> Dashboard:
    return Dashboard(
        uid="jobs-overview",
        title="Background jobs: overview",
        about="What waits, what runs, what fails, and whether those who must work do.",
        rows=[now(), queues(), outcomes(), times(), repairs(), servers(), processes()],
    )


def stat(title: str, expr: str, unit: str = "short", alarm: float | None = None, about: str = "",
         *, below: bool = False) -> Panel:  # fmt: skip
    return Panel(title=title, asks={title: expr}, unit=unit, alarm=alarm, about=about, kind="stat", width=3,
                 below=below)  # fmt: skip


def now() -> Row:
    failed = f"sum(rate({of('jobs_attempts_total', FAILED)}[15m])) or vector(0)"
    ended = f"sum(rate({of('jobs_attempts_total', ENDED)}[15m]))"
    age = f"max(time() - {of('jobs_relay_last_round_timestamp_seconds')})"
    tick = f"max(time() - {of('jobs_beat_last_tick_timestamp_seconds')})"
    return Row("Now", [
        stat("Waiting", f"sum({of('jobs_queue_ready')})", about="Messages that no worker has taken."),
        stat("Running", f"sum({of('jobs_worker_slots_busy')})", about="Attempts that a worker is at."),
        stat("Longest wait", f"max({of('jobs_queue_oldest_seconds')})", "s", about="Of what waits now."),
        stat("Dead letters", f"sum({of('jobs_dead_letters')}) or vector(0)", alarm=1,
             about="Jobs that were given up and wait for a decision."),
        stat("Failing attempts", f"({failed}) / ({ended})", "percentunit", 0.05, "Of those in the last 15 minutes."),
        stat("Relay's last round", age, "s", 60, "Ago. It works every second."),
        stat("Beat's last tick", tick, "s", 60, "Ago. It ticks every 5 seconds."),
        stat("Certificates end in", f"min({of('jobs_certificate_expiry_timestamp_seconds')} - time())", "s",
             14 * 86400, "The first of those that Redis and PostgreSQL show.", below=True),
    ])  # fmt: skip


def queues() -> Row:
    late = f"max by (queue) ({of('jobs_queue_oldest_seconds')}) / max by (queue) ({of('jobs_queue_target_seconds')})"
    busy = f"sum by (queue) ({of('jobs_worker_slots_busy')}) / sum by (queue) ({of('jobs_worker_slots')})"
    return Row("Queues", [
        Panel(title="Waiting, by queue", asks={"{{queue}}": f"max by (queue) ({of('jobs_queue_ready')})"}, stacked=True,
              width=6, about="Messages in each queue's list."),
        Panel(title="Longest wait, as a share of the queue's target", asks={"{{queue}}": late}, unit="percentunit",
              alarm=1, width=6, about="Above the line, work waits longer than its queue promises."),
        Panel(title="Running, by queue", asks={"{{queue}}": f"sum by (queue) ({of('jobs_worker_slots_busy')})"},
              stacked=True, width=6, about="Attempts that workers are at."),
        Panel(title="Busy share of what workers can do at a time", asks={"{{queue}}": busy}, unit="percentunit",
              width=6, about="A queue without workers has no line: at 0 replicas that is as it should be."),
    ])  # fmt: skip


def outcomes() -> Row:
    dead = f"max by (type, reason) ({of('jobs_dead_letters')})"
    return Row("Outcomes", [
        Panel(title="Attempts by their end", asks={"{{end}}": rate("jobs_attempts_total", "end")}, unit="ops",
              stacked=True, about="failed and lost ones are tried again; dead ones are not."),
        Panel(title="Failures", asks={"{{type}}: {{reason}}": rate("jobs_failures_total", "type, reason")},
              unit="ops", about="Attempts that raised."),
        Panel(title="Losses", asks={"{{type}}: {{reason}}": rate("jobs_losses_total", "type, reason")}, unit="ops",
              about="Attempts whose worker vanished, or that met their memory limit."),
        Panel(title="Jobs asked for", asks={"{{queue}}": rate("jobs_enqueued_total", "queue")}, unit="ops"),
        Panel(title="Attempts to be tried again", asks={"{{type}}": rate("jobs_retries_total", "type")}, unit="ops"),
        Panel(title="Dead letters, by type", asks={"{{type}}: {{reason}}": dead}, stacked=True),
    ])  # fmt: skip


def times() -> Row:
    return Row("Times", [
        Panel(title="Wait until the first attempt, 95 %", unit="s",
              asks={"{{queue}}": quantile(0.95, "jobs_wait_seconds", "queue")},
              about="From the moment that a job could start."),
        Panel(title="An attempt's run, 95 %", asks={"{{type}}": quantile(0.95, "jobs_run_seconds", "type")}, unit="s"),
        Panel(title="A plain task's run, 95 %", asks={"{{task}}": quantile(0.95, "jobs_task_run_seconds", "task")},
              unit="s"),
    ])  # fmt: skip


def repairs() -> Row:
    repaired = {
        "swept": rate("jobs_swept_total", "queue"),
        "reaped": rate("jobs_reaped_total", "queue"),
        "dispatched again": rate("jobs_redispatched_total", "queue"),
    }
    return Row("Repairs and schedules", [
        Panel(title="What the relay repaired", unit="ops",
              asks={f"{what} {{{{queue}}}}": expr for what, expr in repaired.items()},
              about="swept: sent because its creator had not. reaped: given up because its worker vanished."),
        Panel(title="Jobs that could not be sent at once", unit="ops",
              asks={"{{queue}}": rate("jobs_dispatch_failures_total", "queue")}, about="The relay sends them later."),
        Panel(title="Lateness of schedules", unit="s",
              asks={"{{schedule}}": f"max by (schedule) ({of('jobs_schedule_lag_seconds')})"},
              about="Seconds since a turn was due that has made no job."),
    ])  # fmt: skip


def servers() -> Row:
    memory = f"max({of('jobs_redis_memory_used_bytes')}) / max({of('jobs_redis_memory_max_bytes')})"
    connections = f"max({of('jobs_postgres_connections')}) / max({of('jobs_postgres_connections_max')})"
    return Row("Redis, PostgreSQL and web", [
        Panel(title="Redis' memory, of its limit", asks={"used": memory}, unit="percentunit", alarm=0.8, width=6,
              about="At 100 % it refuses messages; jobs then wait in the database."),
        Panel(title="PostgreSQL's connections, of its limit", asks={"used": connections}, unit="percentunit",
              alarm=0.8, width=6),
        Panel(title="Requests to web", asks={"{{status}}": rate("http_requests_total", "status")}, unit="ops",
              stacked=True, width=6),
        Panel(title="Time of an answer, 95 %", unit="s", width=6,
              asks={"{{method}} {{route}}": quantile(0.95, "http_request_duration_seconds", "method, route")}),
    ])  # fmt: skip


def processes() -> Row:
    """Of the main process alone: what its children take, only the node knows."""
    return Row("Processes", [
        Panel(title="Versions", asks={"{{role}} {{version}}": f"count by (role, version) ({of('jobs_build_info')})"},
              stacked=True, about="Pods by role and version; two versions stand beside each other during a rollout."),
        Panel(title="Memory of main processes", unit="bytes",
              asks={"{{container}}": f"sum by (container) ({of('process_resident_memory_bytes', ROLES)})"}),
        Panel(title="CPU of main processes", unit="short",
              asks={"{{container}}": rate("process_cpu_seconds_total", "container", ROLES)}, about="In cores."),
    ])  # fmt: skip
