"""The same Django project under a Celery of defaults."""

from __future__ import annotations

import os

import django
from celery import Celery

django.setup()
app = Celery("stock", broker=os.environ["BENCH_REDIS_URL"])
app.conf.broker_connection_retry_on_startup = True
app.autodiscover_tasks()
