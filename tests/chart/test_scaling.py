"""Autoscaling of worker sets: one engine each, and KEDA's counts."""

from __future__ import annotations

import pytest

from tests.chart.charts import FULL, Chart

TABLE = [
    # queued, running, jobs per replica, concurrency: replicas wanted
    (50, 0, 10, 2, 5.0),
    (40, 10, 10, 2, 5.0),
    (30, 10, 8, 8, 5.0),
    (0, 10, 10, 2, 5.0),
    (1, 0, 10, 2, 0.1),
    (0, 1, 10, 2, 0.5),
    (0, 0, 10, 2, 0.0),
    (16, 0, 2, 8, 8.0),
]


@pytest.mark.covers(73)
def test_each_set_has_exactly_one_engine(chart: Chart) -> None:
    for scenario in ("default", "everything", "without-keda", "small", "foreign"):
        objects = chart.render(scenario)
        for one in objects.all("Deployment"):
            name = one["metadata"]["name"].removeprefix(f"{FULL}-")
            if not name.startswith("worker-"):
                continue
            engines = [
                "replicas" in one["spec"],
                objects.has("HorizontalPodAutoscaler", name),
                objects.has("ScaledObject", name),
            ]
            assert engines.count(True) == 1, f"{scenario}: {name}"


@pytest.mark.covers(72)
def test_keda_counts_the_list_and_the_in_flight_hash(chart: Chart) -> None:
    for queue in ("critical", "default", "io", "heavy"):
        spec = chart.render().one("ScaledObject", f"worker-{queue}")["spec"]
        assert spec["scaleTargetRef"] == {"name": f"{FULL}-worker-{queue}"}
        counted = {one["name"]: one["metadata"]["listName"] for one in spec["triggers"]}
        assert counted == {"queued": queue, "running": f"unacked:{queue}"}
        assert {one["type"] for one in spec["triggers"]} == {"redis"}


@pytest.mark.covers(72)
def test_replicas_follow_jobs_and_never_fall_below_what_runs(chart: Chart) -> None:
    for queued, running, per_replica, concurrency, wanted in TABLE:
        values = {"workers": {"io": {"concurrency": concurrency, "autoscaling": {"jobsPerReplica": per_replica}}}}
        modifiers = chart.render(values=values).one("ScaledObject", "worker-io")["spec"]["advanced"]["scalingModifiers"]
        seen = eval(modifiers["formula"], {"max": max, "queued": queued, "running": running})  # noqa: S307
        assert seen == wanted, f"{modifiers['formula']} with {queued} queued and {running} running"
        assert modifiers["target"] == "1"
        assert modifiers["metricType"] == "AverageValue"


def test_one_job_is_enough_to_wake_a_set(chart: Chart) -> None:
    modifiers = chart.render().one("ScaledObject", "worker-io")["spec"]["advanced"]["scalingModifiers"]
    assert modifiers["activationTarget"] == "0"


def test_a_set_without_an_in_flight_hash_follows_its_list_alone(chart: Chart) -> None:
    spec = chart.render(values={"celery": {"inFlightKey": ""}}).one("ScaledObject", "worker-default")["spec"]
    assert [one["name"] for one in spec["triggers"]] == ["queued"]
    assert spec["advanced"]["scalingModifiers"]["formula"] == "queued / 10"


@pytest.mark.covers(77)
def test_keda_verifies_redis_and_its_password_is_no_metadata(chart: Chart) -> None:
    objects = chart.render()
    for one in objects.all("ScaledObject"):
        for trigger in one["spec"]["triggers"]:
            assert trigger["metadata"]["enableTLS"] == "true"
            assert trigger["metadata"]["username"] == "keda"
            assert not {"password", "unsafeSsl"} & trigger["metadata"].keys()
            assert trigger["authenticationRef"] == {"name": f"{FULL}-redis"}
            assert trigger["metadata"]["address"] == f"{FULL}-redis.jobs.svc:6379"
    refs = objects.one("TriggerAuthentication", "redis")["spec"]["secretTargetRef"]
    assert refs == [
        {"parameter": "ca", "name": f"{FULL}-tls", "key": "ca.crt"},
        {"parameter": "password", "name": f"{FULL}-secrets", "key": "redis-keda"},
    ]


def test_keda_shows_a_certificate_where_redis_asks_for_one(chart: Chart) -> None:
    refs = chart.render("everything").one("TriggerAuthentication", "redis")["spec"]["secretTargetRef"]
    assert {one["parameter"]: one["key"] for one in refs}.items() >= {"cert": "tls.crt", "key": "tls.key"}.items()


def test_keda_looks_into_the_external_redis(chart: Chart) -> None:
    objects = chart.render("external")
    metadata = objects.one("ScaledObject", "worker-io")["spec"]["triggers"][0]["metadata"]
    assert (metadata["address"], metadata["databaseIndex"]) == ("redis.example.com:6380", "3")
    refs = objects.one("TriggerAuthentication", "redis")["spec"]["secretTargetRef"]
    assert {(one["name"], one["key"]) for one in refs} == {("redis-authority", "ca.crt"), ("passwords", "redis-keda")}
    one_user = chart.render("external-one-user").one("ScaledObject", "worker-io")["spec"]["triggers"][0]
    assert one_user["metadata"]["username"] == "jobs"


def test_with_redis_away_nobody_is_sent_home(chart: Chart) -> None:
    for queue, least in [("io", 1), ("critical", 1)]:
        fallback = chart.render().one("ScaledObject", f"worker-{queue}")["spec"]["fallback"]
        assert fallback == {"failureThreshold": 3, "replicas": least, "behavior": "currentReplicasIfHigher"}
    more = chart.render(values={"workers": {"io": {"autoscaling": {"min": 2}}}})
    assert more.one("ScaledObject", "worker-io")["spec"]["fallback"]["replicas"] == 2


def test_sets_shrink_by_a_minutes_highest_wish(chart: Chart) -> None:
    spec = chart.render().one("ScaledObject", "worker-io")["spec"]
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior == {"scaleDown": {"stabilizationWindowSeconds": 60}}


def test_keda_looks_every_five_seconds_at_a_set_that_sleeps(chart: Chart) -> None:
    objects = chart.render()
    sleeping = objects.one("ScaledObject", "worker-io")["spec"]
    assert (sleeping["minReplicaCount"], sleeping["pollingInterval"], sleeping["cooldownPeriod"]) == (0, 5, 30)
    # KEDA warns of timers that mean nothing.
    assert not {"pollingInterval", "cooldownPeriod"} & objects.one("ScaledObject", "worker-critical")["spec"].keys()


def test_the_table_of_replicas_is_the_architectures(chart: Chart) -> None:
    objects = chart.render()
    for queue, least in [("critical", 1), ("default", 1), ("io", 0), ("heavy", 0)]:
        spec = objects.one("ScaledObject", f"worker-{queue}")["spec"]
        assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (least, 10)


def test_scaling_can_be_paused_by_annotation(chart: Chart) -> None:
    one = chart.render("everything").one("ScaledObject", "worker-io")
    assert one["metadata"]["annotations"] == {"autoscaling.keda.sh/paused-scale-in": "true"}


@pytest.mark.covers(73)
def test_without_keda_sets_scale_on_cpu_and_on_what_values_add(chart: Chart) -> None:
    objects = chart.render("without-keda")
    kinds = {one["kind"] for one in objects}
    assert not kinds & {"ScaledObject", "TriggerAuthentication"}
    scaler = objects.one("HorizontalPodAutoscaler", "worker-default")["spec"]
    assert scaler["scaleTargetRef"]["name"] == f"{FULL}-worker-default"
    assert [one["containerResource"]["name"] for one in scaler["metrics"]] == ["cpu", "memory"]
    assert scaler["metrics"][0]["containerResource"]["container"] == objects.pod("worker", "default").main["name"]
    assert scaler["behavior"] == {"scaleDown": {"stabilizationWindowSeconds": 60}}
