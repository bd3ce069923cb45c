"""The Job that migrates, and the pods that wait for it."""

from __future__ import annotations

from tests.chart.charts import FULL, Chart, Object


def job(chart: Chart, *scenarios: str, **values: object) -> Object:
    (one,) = chart.render(*scenarios, values=values).all("Job")
    return one


def test_migrations_are_an_ordinary_job(chart: Chart) -> None:
    one = job(chart)
    assert "annotations" not in one["metadata"]
    assert "ttlSecondsAfterFinished" not in one["spec"]
    assert one["spec"]["template"]["spec"]["containers"][0]["args"] == ["migrate"]


def test_the_job_is_named_by_what_it_runs(chart: Chart) -> None:
    name = job(chart)["metadata"]["name"]
    assert name.startswith(f"{FULL}-migrate-")
    assert job(chart)["metadata"]["name"] == name
    for change in (
        {"image": {"tag": "2"}},
        {"pod": {"labels": {"a": "b"}}},
        {"pod": {"annotations": {"a": "b"}}},
        {"pod": {"env": {"A": "b"}}},
        {"migrations": {"backoffLimit": 3}},
    ):
        assert job(chart, **change)["metadata"]["name"] != name, change
    assert job(chart, workers={"io": {"concurrency": 7}})["metadata"]["name"] == name


def test_a_failed_migration_is_tried_again_for_days(chart: Chart) -> None:
    one = job(chart)
    assert one["spec"]["template"]["spec"]["restartPolicy"] == "OnFailure"
    assert one["spec"]["backoffLimit"] == 1000


def test_every_pod_that_uses_the_database_waits(chart: Chart) -> None:
    objects = chart.render()
    for component, worker_set in [("web", None), ("beat", None), ("relay", None), ("worker", "io")]:
        (init,) = objects.pod(component, worker_set).spec["initContainers"]
        assert init["args"] == ["manage", "wait_for_migrations"]
        assert init["image"] == objects.pod(component, worker_set).main["image"]
        assert init["env"] == objects.pod(component, worker_set).main["env"]


def test_migrations_get_no_access_to_redis(chart: Chart) -> None:
    pod = chart.render().pod("migrate")
    assert "REDIS_PASSWORD_FILE" not in pod.env
    assert f"{FULL}/redis-client" not in pod.metadata["labels"]
    assert pod.items("passwords") == {"database-password": "database", "secret-key": "secret-key"}


def test_nobody_waits_where_the_chart_does_not_migrate(chart: Chart) -> None:
    objects = chart.render(values={"migrations": {"enabled": False}})
    assert objects.all("Job") == []
    assert all("initContainers" not in pod.spec for pod in objects.pods())


def test_helm_test_sends_a_canary_through_every_queue(chart: Chart) -> None:
    pod = chart.render().pod("smoke-test")
    assert pod.metadata["annotations"]["helm.sh/hook"] == "test"
    assert pod.main["args"][:2] == ["manage", "smoke"]
    assert pod.spec["restartPolicy"] == "Never"
