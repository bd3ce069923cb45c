from django.apps import AppConfig


class ExamplesConfig(AppConfig):
    name = "examples"

    def ready(self) -> None:
        """Connect the receivers of signals."""
        import examples.notifications.signals  # noqa: F401
