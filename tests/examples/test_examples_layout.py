"""The examples are laid out as they teach. The rules themselves are guards of the whole of `app/` (tests/guards)."""

from __future__ import annotations

from config.queues import Queue
from jobs import registry
from tests.guards.source import with_role


def test_the_guards_look_at_the_examples() -> None:
    seen = {module.name for module in with_role("tasks", "services", "selectors", "models")}
    for domain in ("examples.imports", "examples.notifications", "examples.reports", "examples.runways"):
        assert {f"{domain}.tasks", f"{domain}.services", f"{domain}.selectors"} <= seen


def test_job_types_are_named_after_their_domain() -> None:
    named = {one.name: one.queue for one in registry.job_types() if one.service.__module__.startswith("examples.")}
    assert named == {
        "imports.import_airports": Queue.HEAVY,
        "notifications.send_mail": Queue.IO,
        "notifications.send_webhook": Queue.IO,
        "reports.airports_per_state": Queue.HEAVY,
        "reports.count_airports": Queue.HEAVY,
        "runways.sync_runways": Queue.IO,
    }
