from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import autodiscover_modules

from config import sessions


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self) -> None:
        """Know every job type in every process: web validates by it, workers run by it."""
        sessions.install()
        import config.celery  # noqa: F401  # plain tasks bind to this application

        autodiscover_modules("tasks")
        if settings.WORKER_QUEUE:
            import jobs.worker  # noqa: F401  # connects the guard to the worker's signals
