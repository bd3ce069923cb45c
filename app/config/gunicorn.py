"""gunicorn's settings, read by `python -m config web`."""

import gc
import os
from typing import Any

from . import countfiles
from .environment import load
from .logs import logging_settings

_env = load()

logconfig_dict = logging_settings(_env.log_format, _env.log_level)
bind = f"0.0.0.0:{_env.web_port}"
worker_class = "gthread"
workers = _env.web_processes
threads = _env.web_threads
preload_app = True
# Its socket would need a writable home.
control_socket_disable = True
# Kubernetes waits longer than this before it kills.
graceful_timeout = 25
keepalive = 75
# Its heartbeat file must not wait for a disk.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108

if _env.metrics_port:
    # Before the application is loaded, and prometheus_client with it.
    countfiles.make(_env.metrics_port)


def when_ready(server: Any) -> None:
    """Keep what is loaded by now out of the collector, so that the processes go on sharing its pages."""
    from . import exposition

    exposition.serve("web")
    gc.collect()
    gc.freeze()


def post_fork(server: Any, worker: Any) -> None:
    """The first process alone answers Prometheus."""
    from . import exposition

    exposition.leave()


def on_exit(server: Any) -> None:
    countfiles.remove()
