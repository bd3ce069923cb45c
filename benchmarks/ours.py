"""The application's side: `python -m benchmarks.ours prefork|threads|plain noop 1000` enqueues, in Django."""

from __future__ import annotations

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")


def enqueue(way: str, kind: str, count: int) -> None:
    import django

    django.setup()
    from benchmarks.jobtypes import tasks
    from jobs.orders import enqueue_many

    if way == "plain":
        for _ in range(count):
            tasks.plain.delay(kind)
        return
    declared = {"prefork": tasks.on_prefork, "threads": tasks.on_threads}[way]
    payload = tasks.Work(kind=kind)
    enqueue_many(declared.order(payload) for _ in range(count))


if __name__ == "__main__":
    enqueue(sys.argv[1], sys.argv[2], int(sys.argv[3]))
