from django.apps import AppConfig
from django.core import checks
from django.utils.module_loading import autodiscover_modules


class SchedulesConfig(AppConfig):
    name = "schedules"

    def ready(self) -> None:
        """Know every declared schedule before the first check."""
        from .checks import check_declarations

        autodiscover_modules("schedules")
        checks.register(check_declarations)
