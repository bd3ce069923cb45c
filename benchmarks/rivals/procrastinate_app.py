"""procrastinate: jobs in PostgreSQL and nothing else.

`python -m benchmarks.rivals.procrastinate_app schema` once; then `noop 1000` sends, in batches.
"""

from __future__ import annotations

import os
import sys

import procrastinate

from benchmarks.work import work

URL = os.environ["BENCH_PROCRASTINATE_URL"]
BATCH = 1_000
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=URL))


# By its whole name: run as a program, this module is called __main__.
@app.task(name="run")
async def run(kind: str) -> None:
    """Do the work. In the worker's event loop, because a thread for each job costs more."""
    work(kind)


def send(kind: str, count: int) -> None:
    """Enqueue so many jobs."""
    for start in range(0, count, BATCH):
        run.batch_defer(*({"kind": kind} for _ in range(min(BATCH, count - start))))


if __name__ == "__main__":
    with app.open():
        if sys.argv[1] == "schema":
            app.schema_manager.apply_schema()
        else:
            send(sys.argv[1], int(sys.argv[2]))
