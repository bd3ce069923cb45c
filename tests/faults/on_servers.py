"""What happens to Redis and PostgreSQL, and on the way to Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from tests.faults.scene import Scene, said_from_now
from tests.polling import wait_for

# Seconds that a server is away or silent, where that is the fault: longer than any socket's timeout.
ABSENCE = 8


def redis_restarted(scene: Scene) -> None:
    """Three times, as a crash; work goes on after each."""
    for _ in range(3):
        scene.busy()
        scene.stack.redis.kill()
        scene.ask()
        scene.stack.redis.start()
        [job] = scene.ask(parts=2)
        scene.stack.ended([job], 60)
        scene.ask(2, parts=4, seconds_each=0.5)


def redis_silent(scene: Scene) -> None:
    """Everything that is sent to it vanishes, and nothing is refused."""
    scene.busy()
    scene.proxy.silence()
    scene.ask(3)
    time.sleep(ABSENCE)
    scene.proxy.speak()


def redis_half_open(scene: Scene) -> None:
    """The connections that are there are dead without a word; new ones work."""
    scene.busy()
    scene.proxy.halve()
    scene.ask(3)


def redis_cut_off(scene: Scene) -> None:
    """Every connection is reset while Redis lives: workers give back what still runs, and it is delivered again."""
    scene.busy()
    scene.proxy.cut()
    scene.ask(3)


def redis_emptied(scene: Scene) -> None:
    """Every message is gone, also those in flight."""
    scene.busy()
    scene.ask(5)
    with scene.stack.redis.client() as client:
        client.flushall()


def redis_full(scene: Scene) -> None:
    """It refuses whatever would write, acknowledgements too."""
    worker, _ = scene.busy()
    said = said_from_now(worker)
    with no_memory(scene):
        scene.ask(3)
        wait_for(lambda: "maxmemory" in said(), 30, what=f"{worker.name} was refused")
        time.sleep(ABSENCE)
    assert worker.running, worker.ending()


@contextmanager
def no_memory(scene: Scene) -> Iterator[None]:
    with scene.stack.redis.client() as client:
        client.config_set("maxmemory", "1")
        try:
            yield
        finally:
            client.config_set("maxmemory", "0")


def postgres_restarted(scene: Scene) -> None:
    """As a crash, with work under way."""
    scene.busy()
    connection.close()
    scene.stack.postgres.kill()
    scene.stack.postgres.start()
    scene.ask(3)
