"""`load`: fill a queue, watch how its worker set scales, and draw it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from rich.live import Live
from rich.table import Table

from deploy.kind import programs, token
from deploy.kind.names import NAMESPACE, RELEASE, ROOT
from deploy.kind.picture import draw
from deploy.kind.programs import kubectl
from devstack.api import Api
from devstack.console import console, say, step
from devstack.demo import airports_csv
from devstack.errors import StackError

QUEUE = "heavy"
JOB_TYPE = "imports.import_airports"
JOBS = int(os.environ.get("JOBS", "100"))
PICTURE = ROOT / "docs" / "images" / "scaling.png"
# Seconds between looks, and after which the run is given up.
LOOK = 1.0
PATIENCE = 900.0
WIDTH = 36


@dataclass(frozen=True)
class Look:
    """What was seen `at` seconds after the first job: jobs, and replicas that are wanted and ready."""

    at: float
    waiting: int
    running: int
    wanted: int
    ready: int

    @property
    def is_over(self) -> bool:
        return not (self.waiting or self.running or self.wanted or self.ready)


def load() -> int:
    """Fill the queue `heavy` with imports and draw backlog, running jobs and replicas until all is quiet again."""
    programs.check()
    api = token.api()
    try:
        with step("upload a file of 3,376 airports"):
            file = api.upload(airports_csv())
        with step(f"wait until the queue {QUEUE} is at rest"):
            for _ in watch(api, time.monotonic()):
                pass
        began = time.monotonic()
        looks = [look(api, began)]
        with step(f"submit {JOBS} jobs {JOB_TYPE}, each of which imports it"):
            for number in range(JOBS):
                api.submit(JOB_TYPE, {"file": file["id"]})
                if number % 20 == 19:
                    looks.append(look(api, began))
        with Live(console=console, refresh_per_second=4) as live:
            for seen in watch(api, began):
                looks.append(seen)
                live.update(table(looks))
    finally:
        api.close()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    draw(looks, f"{JOBS} jobs on the queue {QUEUE}", PICTURE)
    say(f"\ndrawn in {PICTURE.relative_to(ROOT)}")
    return 0


def watch(api: Api, began: float) -> Iterator[Look]:
    """Look until all is quiet. StackError when that takes too long."""
    while True:
        seen = look(api, began)
        yield seen
        if seen.is_over:
            return
        if seen.at > PATIENCE:
            raise StackError(f"not at rest after {seen.at:.0f} s: {seen}; look at `kubectl get pods`")
        time.sleep(max(0.0, began + seen.at + LOOK - time.monotonic()))


def look(api: Api, began: float) -> Look:
    """The queue and its Deployment at this moment."""
    at = time.monotonic() - began
    queue = api.queue(QUEUE)
    answer = kubectl("--namespace", NAMESPACE, "get", "deployment", f"{RELEASE}-worker-{QUEUE}", "--output", "json")
    deployment = json.loads(answer)
    return Look(
        at=at,
        waiting=queue["waiting"],
        running=queue["running"],
        wanted=deployment["spec"]["replicas"],
        ready=deployment["status"].get("readyReplicas", 0),
    )


def table(looks: list[Look]) -> Table:
    """The newest numbers, and how each has moved since the beginning."""
    newest = looks[-1]
    shown = Table(title=f"queue {QUEUE} after {newest.at:.0f} s", title_justify="left", show_header=False)
    for name in ("waiting", "running", "wanted", "ready"):
        series = [getattr(one, name) for one in looks]
        label = f"{'replicas' if name in ('wanted', 'ready') else 'jobs'} {name}"
        shown.add_row(label, str(series[-1]), spark(series), f"most {max(series)}")
    return shown


def spark(series: list[int]) -> str:
    """A line of WIDTH blocks, the highest for the most."""
    size = max(1, -(-len(series) // WIDTH))
    highs = [max(series[start : start + size]) for start in range(0, len(series), size)]
    most = max(highs) or 1
    return "".join(" ▁▂▃▄▅▆▇█"[-(-high * 8 // most)] for high in highs)
