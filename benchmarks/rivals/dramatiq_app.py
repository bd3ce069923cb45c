"""dramatiq over plain TCP Redis. `python -m benchmarks.rivals.dramatiq_app noop 1000` sends."""

from __future__ import annotations

import os
import sys

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.work import work

dramatiq.set_broker(RedisBroker(url=os.environ["BENCH_REDIS_URL"]))


@dramatiq.actor(actor_name="run")
def run(kind: str) -> None:
    """Do the work."""
    work(kind)


if __name__ == "__main__":
    for _ in range(int(sys.argv[2])):
        run.send(sys.argv[1])
