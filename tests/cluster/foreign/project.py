"""A Django project with Celery tasks that knows nothing of the project whose chart runs it."""

import os
import ssl
import time
from pathlib import Path

from celery import Celery

SECRET_KEY = "foreign"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]

password = Path(os.environ["REDIS_PASSWORD_FILE"]).read_text().strip()
app = Celery(broker=os.environ["REDIS_URL"].replace("//", f"//{os.environ['REDIS_USERNAME']}:{password}@"))
app.conf.broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": os.environ["REDIS_CA_PATH"]}
app.conf.broker_transport_options = {"visibility_timeout": int(os.environ["WORKER_VISIBILITY_TIMEOUT"])}
app.conf.task_default_queue = "slow_work"
app.conf.task_ignore_result = True


@app.task(acks_late=True)
def nap(seconds: float) -> None:
    time.sleep(seconds)


@app.task
def burn(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
