"""An image that is not this project's, run by values alone."""

from __future__ import annotations

from tests.chart.charts import FULL, Chart


def test_a_foreign_image_brings_nothing_that_it_does_not_need(chart: Chart) -> None:
    components = {pod.component for pod in chart.render("foreign").pods()}
    assert components == {"worker", "redis"}


def test_a_foreign_worker_is_celerys_own(chart: Chart) -> None:
    main = chart.render("foreign").pod("worker", "slow").main
    assert main["image"] == "foreign:1"
    assert main["command"][:3] == ["celery", "--app=tasks", "worker"]
    expected = {"--queues=slow_work", "--concurrency=1", "--soft-time-limit=600", "--time-limit=690"}
    assert expected <= set(main["command"])
    assert "args" not in main
    assert "livenessProbe" not in main


def test_a_foreign_worker_learns_what_follows_from_its_time_limit(chart: Chart) -> None:
    pod = chart.render("foreign").pod("worker", "slow")
    assert pod.spec["terminationGracePeriodSeconds"] == 720
    assert pod.env["WORKER_HARD_LIMIT"] == "690"
    assert int(pod.env["WORKER_VISIBILITY_TIMEOUT"]) > 690 + 720


def test_a_foreign_queue_scales_on_celerys_own_keys(chart: Chart) -> None:
    spec = chart.render("foreign").one("ScaledObject", "worker-slow")["spec"]
    assert [one["metadata"]["listName"] for one in spec["triggers"]] == ["slow_work", "unacked"]
    assert spec["minReplicaCount"] == 0


def test_a_foreign_image_may_do_without_a_database(chart: Chart) -> None:
    pod = chart.render("foreign").pod("worker", "slow")
    assert not [name for name in pod.env if name.startswith(("DATABASE", "DJANGO"))]
    assert f"{FULL}/postgresql-client" not in pod.metadata["labels"]
    assert "database-password" not in pod.items("passwords")


def test_commands_of_a_foreign_image_are_values(chart: Chart) -> None:
    values = {
        "web": {"enabled": True, "command": ["gunicorn", "--bind=0.0.0.0:8000", "site.wsgi"], "args": []},
        "celery": {"command": ["run-worker"], "args": ["--fast"]},
        "migrations": {
            "enabled": True,
            "command": ["python", "manage.py", "migrate"],
            "args": [],
            "wait": {"command": ["sh", "-c", "sleep 1"], "args": []},
        },
        "beat": {"enabled": True, "probes": {"enabled": False}},
    }
    objects = chart.render("foreign", values=values)
    assert objects.pod("web").main["command"][0] == "gunicorn"
    assert "args" not in objects.pod("web").main
    assert objects.pod("worker", "slow").main["command"] == ["run-worker"]
    assert objects.pod("worker", "slow").main["args"] == ["--fast"]
    assert objects.pod("migrate").main["command"] == ["python", "manage.py", "migrate"]
    assert objects.pod("web").spec["initContainers"][0]["command"] == ["sh", "-c", "sleep 1"]
    assert objects.pod("beat").main["command"][:3] == ["celery", "--app=tasks", "beat"]
