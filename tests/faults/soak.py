"""Random faults under constant load, and an audit of every job and every effect: `make soak MINUTES=30`.

Two workers of a prefork queue, one of a threads queue and the relay work off a steady stream of jobs, while one fault
after the other happens to them. Each has its deadline, for all that was asked for until its end. Prints a table and
exits with 1 when a promise was broken. `python -m tests.faults.soak 30 4711` repeats the faults of the seed 4711.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.services import FOLDER, POSTGRES, REDIS

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django  # the settings read the servers' addresses from the environment

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import Error, connection  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from config.queues import Queue  # noqa: E402
from devstack.errors import StackError  # noqa: E402
from jobs.models import Job  # noqa: E402
from tests.faults.audit import counted_acts, violations  # noqa: E402
from tests.faults.fault import PREFORK, THREADS, WORK, Fault  # noqa: E402
from tests.faults.proxy import Proxy  # noqa: E402
from tests.faults.scene import Scene  # noqa: E402
from tests.integration.conftest import Stack  # noqa: E402

WORKERS = {PREFORK: 2, THREADS: 1}
# Jobs asked for in a second, for each queue.
RATE = 2.0

console = Console(width=120)


@dataclass
class Record:
    """What became of one fault on one pool, all the times that it happened."""

    seconds: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


class Load(threading.Thread):
    """Asks for jobs all the time. What the database refuses was not accepted, and nobody waits for it."""

    def __init__(self, scenes: list[Scene], chance: random.Random) -> None:
        super().__init__(name="load", daemon=True)
        self.scenes = scenes
        self.chance = chance
        self.refused = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(1 / RATE):
            for scene in self.scenes:
                try:
                    delay = self.chance.choice([0, 0, 0, 1])
                    scene.ask(parts=self.chance.randint(1, 4), seconds_each=0.2, delay=delay)
                except Error:
                    self.refused += 1
                    connection.close()


def soak(scenes: list[Scene], minutes: float, chance: random.Random) -> tuple[dict[str, Record], int]:
    """One fault after the other until the time is over; returns their records and how many jobs were refused."""
    load = Load(scenes, random.Random(chance.random()))
    load.start()
    records: dict[str, Record] = defaultdict(Record)
    until = time.monotonic() + minutes * 60
    for fault, queue in deck(chance):
        if time.monotonic() > until:
            break
        scene = next(scene for scene in scenes if scene.queue == queue)
        happen(fault, scene, records[f"{fault} ({queue.lane.pool})"])
        tidy(scene, scenes)
    load.over.set()
    load.join()
    return records, load.refused


def deck(chance: random.Random) -> Iterator[tuple[Fault, Queue]]:
    """Every fault on every pool in a random order, and again in another."""
    cards = [(fault, queue) for fault in Fault if fault.case.soaks for queue in fault.case.queues]
    while True:
        yield from chance.sample(cards, len(cards))


def happen(fault: Fault, scene: Scene, record: Record) -> None:
    """Let it happen, and see that all jobs that were asked for until then end in time."""
    console.print(f"{time.strftime('%H:%M:%S')} {fault}, {scene.queue.lane.pool}")
    began = time.monotonic()
    try:
        fault.case.does(scene)
        scene.stack.ended(Job.objects.filter(id__in=scene.jobs), fault.case.within + WORK)
    except (AssertionError, StackError) as error:
        record.broken.append(str(error))
        console.print(f"[red]{error}")
    record.seconds.append(time.monotonic() - began)


def tidy(scene: Scene, scenes: list[Scene]) -> None:
    """As many workers as there were, and all of them there; one relay for everybody."""
    if not scene.relay.running:
        console.print(f"[red]{scene.relay.failure()}")
        scene.relay = scene.stack.relay(**scene.variables)
    while len(scene.workers) > WORKERS[scene.queue]:
        scene.workers.pop(0).stop()
    for one in scenes:
        one.relay = scene.relay
        for worker in one.workers:
            if not worker.running:
                console.print(f"[red]{worker.failure()}")
                one.replace(worker)
            one.wait_until_ready(worker)


@contextmanager
def servers_and_processes() -> Iterator[list[Scene]]:
    """Everything that jobs need, with a proxy before Redis."""
    with REDIS, POSTGRES, Proxy(REDIS.port) as proxy:
        call_command("migrate", interactive=False, verbosity=0, run_syncdb=True)
        stack = Stack(REDIS, POSTGRES)
        scenes = [Scene(stack, queue, proxy) for queue in WORKERS]
        try:
            scenes[0].set_up(WORKERS[scenes[0].queue])
            for scene in scenes[1:]:
                scene.set_up(WORKERS[scene.queue], relay=scenes[0].relay)
            yield scenes
        finally:
            stack.stop()
            connection.close()


def audit(scenes: list[Scene]) -> list[str]:
    """Wait for the last job, then look at all of them."""
    accepted = [job_id for scene in scenes for job_id in scene.jobs]
    with suppress(AssertionError):
        scenes[0].stack.ended(Job.objects.all(), 120)
    return violations(accepted)


def show(records: dict[str, Record], refused: int, broken: list[str]) -> None:
    """The table, and below it what the audit found."""
    table = Table("fault", "times", "longest", "promises broken", title="What happened")
    for name, record in sorted(records.items()):
        table.add_row(
            name, str(len(record.seconds)), f"{max(record.seconds):.0f} s", "\n".join(record.broken) or "none"
        )
    console.print(table)
    states = {
        state: Job.objects.filter(state=state).count()
        for state in sorted({*Job.objects.values_list("state", flat=True)})
    }
    counts = ", ".join(f"{number} {state}" for state, number in states.items())
    effects = sum(sum(acts.values()) for acts in counted_acts().values())
    console.print(f"jobs: {counts}; refused without the database: {refused}; effects: {effects}")
    console.print("\n".join(broken) or "every job has ended, every effect happened as often as promised")


def main(arguments: list[str]) -> int:
    minutes = float(arguments[0])
    seed = int(arguments[1]) if arguments[1:] else random.SystemRandom().randrange(10_000)
    console.print(f"{minutes:g} minutes, seed {seed}")
    # That a server is away is no news here.
    logging.disable(logging.WARNING)
    with servers_and_processes() as scenes:
        records, refused = soak(scenes, minutes, random.Random(seed))
        broken = audit(scenes)
        show(records, refused, broken)
    if broken or any(record.broken for record in records.values()):
        console.print(f"the processes' logs: {FOLDER / 'logs'}")
        return 1
    shutil.rmtree(FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
