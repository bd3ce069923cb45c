from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "ops"

    def ready(self) -> None:
        """Say what this process is, and what the relay sees, where Prometheus asks."""
        import ops.metrics.build
        import ops.metrics.collection  # noqa: F401  # both wait for `exposition.serving`
