"""The Celery application. What it refuses, it refuses where the call is made."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import Any, cast

import kombu
from celery import Celery, signals
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from . import logs, transport
from .queues import DEFAULT_QUEUE, Queue, find

if not os.environ.get("DJANGO_SETTINGS_MODULE"):
    raise ImproperlyConfigured("DJANGO_SETTINGS_MODULE is not set; it must be config.settings.production")

# Celery keeps a waiting message in a worker's memory and in the in-flight hash, where it looks like running work.
LONGEST_WAIT = 60

# The one task that may run where plain tasks may not: it has a lease.
JOB_TASK = "jobs.run"


class App(Celery):
    """Celery, with two refusals at publish and the time of publishing in every message."""

    task_cls = "config.memory:Task"

    def send_task(  # type: ignore[override]  # the options that it does not look at pass through
        self, name: str, args: Any = None, kwargs: Any = None, countdown: Any = None, eta: Any = None, **options: Any
    ) -> Any:
        """Publish a task.

        Raises ValueError for a wait above LONGEST_WAIT seconds and for a plain task on a queue that takes none.
        The header `enqueued_at` (seconds since 1970) tells how long a message has waited.
        """
        _refuse_long_wait(name, countdown, eta)
        _refuse_queue(name, options.get("queue") or getattr(self.tasks.get(name), "runs_on", None))
        headers = {"enqueued_at": time.time(), **(options.pop("headers", None) or {})}
        return super().send_task(name, args, kwargs, countdown=countdown, eta=eta, headers=headers, **options)


def _refuse_long_wait(name: str, countdown: float | None, eta: datetime | str | None) -> None:
    if isinstance(eta, str):
        eta = datetime.fromisoformat(eta)
    if eta:
        countdown = (eta.replace(tzinfo=eta.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    if countdown and countdown > LONGEST_WAIT:
        raise ValueError(
            f"{name} was to wait {countdown:.0f} s; a message may wait at most {LONGEST_WAIT} s. Make it a job and "
            "give enqueue a run_at: the database holds it until then"
        )


def _refuse_queue(name: str, queue: Any) -> None:
    target = find(str((queue.name if isinstance(queue, kombu.Queue) else queue) or DEFAULT_QUEUE))
    if name != JOB_TASK and target and not target.lane.takes_plain_tasks:
        raise ValueError(
            f"{name} is a plain task and the queue {target.value!r} takes none (its {target.lane.pool} cannot be "
            "timed out); make it a job or name another queue"
        )


transport.install()
app = App("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def route(name: str, *_: Any, task: Any = None, **__: Any) -> dict[str, str] | None:
    """The queue of a plain task: `@shared_task(runs_on=Queue.DEFAULT)`.

    An attribute of our own, because Celery deprecates `queue=` there. Tasks of other packages are routed by further
    entries of CELERY_TASK_ROUTES.
    """
    queue = getattr(task, "runs_on", None)
    return {"queue": str(queue)} if queue else None


def misplaced_tasks() -> list[str]:
    """A sentence for each plain task that names no queue of the list, or one that takes none."""
    faults = []
    takers = [queue.value for queue in Queue if queue.lane.takes_plain_tasks]
    for name, task in sorted(app.tasks.items()):
        if name.startswith("celery.") or name == JOB_TASK:
            continue
        found = app.amqp.router.lookup_route(name, task_type=cast(Any, task))
        queue = found and str(found["queue"])
        if queue not in takers:
            faults.append(f"the task {name} has the queue {queue}; it must be runs_on=one of {', '.join(takers)}")
    return faults


@signals.setup_logging.connect
def configure_logging(**_: Any) -> None:
    """Keep Celery from replacing Django's logging."""
    logs.configure(settings.LOGGING)
