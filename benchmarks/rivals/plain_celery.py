"""Celery without the application: its defaults over plain TCP or, with BENCH_RELIABLE, late acknowledgement over TLS.

`python -m benchmarks.rivals.plain_celery noop 1000` sends.
"""

from __future__ import annotations

import os
import ssl
import sys

from celery import Celery

from benchmarks.work import work

app = Celery("plain", broker=os.environ["BENCH_REDIS_URL"])
app.conf.broker_connection_retry_on_startup = True
if os.environ.get("BENCH_RELIABLE"):
    app.conf.update(
        broker_use_ssl={"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": os.environ["REDIS_CA_PATH"]},
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_ignore_result=True,
        task_time_limit=300,
    )


@app.task(name="plain.run")
def run(kind: str) -> None:
    """Do the work."""
    work(kind)


if __name__ == "__main__":
    for _ in range(int(sys.argv[2])):
        run.delay(sys.argv[1])
