"""Worker sets: a Deployment for each queue, and what follows from its time limit."""

from __future__ import annotations

import pytest

from tests.chart.charts import FULL, Chart

QUEUES = ("critical", "default", "heavy", "io")


@pytest.mark.covers(59, 71)
def test_each_queue_has_a_deployment_of_its_own(chart: Chart) -> None:
    objects = chart.render()
    for queue in QUEUES:
        pod = objects.pod("worker", queue)
        assert pod.env["WORKER_QUEUE"] == queue
        assert pod.main["args"] == ["worker"]
        selector = objects.one("Deployment", f"worker-{queue}")["spec"]["selector"]["matchLabels"]
        assert selector["django-celery/worker-set"] == queue
        assert selector.items() <= pod.metadata["labels"].items()


def test_selectors_tell_every_workload_from_the_others(chart: Chart) -> None:
    objects = chart.render("everything")
    for owner in [*objects.all("Deployment"), *objects.all("StatefulSet")]:
        chosen = owner["spec"]["selector"]["matchLabels"].items()
        matched = [pod.name for pod in objects.pods() if chosen <= pod.metadata["labels"].items()]
        assert matched == [f"{owner['kind']} {owner['metadata']['name']}"]


def test_a_set_is_the_defaults_with_its_own_values_over_them(chart: Chart) -> None:
    values = {
        "celery": {"concurrency": 1, "pod": {"labels": {"a": "1"}}},
        "workers": {"io": {"pod": {"labels": {"b": "2"}}}},
    }
    objects = chart.render(values=values)
    assert objects.pod("worker", "default").env["WORKER_CONCURRENCY"] == "1"
    assert objects.pod("worker", "io").env["WORKER_CONCURRENCY"] == "8"
    assert {"a": "1", "b": "2"}.items() <= objects.pod("worker", "io").metadata["labels"].items()
    assert "b" not in objects.pod("worker", "heavy").metadata["labels"]


def test_a_queue_can_be_added_and_taken_away(chart: Chart) -> None:
    objects = chart.render(values={"workers": {"heavy": None, "night": {"timeLimit": 60}}})
    assert not objects.has("Deployment", "worker-heavy")
    assert objects.pod("worker", "night").env["WORKER_QUEUE"] == "night"


def test_a_list_whose_name_cannot_be_an_objects_is_served_under_another(chart: Chart) -> None:
    objects = chart.render(values={"workers": {"heavy": None, "night": {"queue": "night_shift"}}})
    assert objects.pod("worker", "night").env["WORKER_QUEUE"] == "night_shift"
    triggers = objects.one("ScaledObject", "worker-night")["spec"]["triggers"]
    assert [one["metadata"]["listName"] for one in triggers] == ["night_shift", "unacked:night_shift"]


@pytest.mark.covers(76)
def test_the_grace_period_outlasts_the_hard_limit(chart: Chart) -> None:
    pod = chart.render(values={"workers": {"default": {"timeLimit": 100}}}).pod("worker", "default")
    assert pod.env["WORKER_TIME_LIMIT"] == "100"
    assert pod.spec["terminationGracePeriodSeconds"] == 100 + 90 + 30
    assert pod.env["WORKER_GRACE_PERIOD"] == "220"


@pytest.mark.covers(69)
def test_a_worker_knows_its_pods_memory_limit(chart: Chart) -> None:
    for queue in QUEUES:
        [variable] = (
            one for one in chart.render().pod("worker", queue).main["env"] if one["name"] == "WORKER_MEMORY_LIMIT"
        )
        assert variable["valueFrom"] == {"resourceFieldRef": {"resource": "limits.memory"}}


def test_a_shorter_grace_period_reaches_the_process_too(chart: Chart) -> None:
    pod = chart.render("everything").pod("worker", "default")
    assert pod.spec["terminationGracePeriodSeconds"] == 300
    assert pod.env["WORKER_GRACE_PERIOD"] == "300"


def test_a_rollout_takes_no_worker_away_before_another_is_ready(chart: Chart) -> None:
    strategy = chart.render().one("Deployment", "worker-io")["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}


def test_sets_with_several_replicas_have_a_budget(chart: Chart) -> None:
    objects = chart.render()
    for queue in QUEUES:
        budget = objects.one("PodDisruptionBudget", f"worker-{queue}")["spec"]
        assert budget["maxUnavailable"] == 1
        assert budget["selector"]["matchLabels"]["django-celery/worker-set"] == queue


def test_a_budget_is_never_made_for_one_replica(chart: Chart) -> None:
    assert chart.render("small").all("PodDisruptionBudget") == []


@pytest.mark.covers(69)
def test_workers_have_a_memory_limit_and_no_cpu_limit(chart: Chart) -> None:
    resources = chart.render().pod("worker", "default").main["resources"]
    assert "memory" in resources["limits"]
    assert "cpu" not in resources["limits"]
    assert {"cpu", "memory"} <= resources["requests"].keys()


def test_replicas_are_spread_over_nodes(chart: Chart) -> None:
    (spread,) = chart.render().pod("worker", "io").spec["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    assert spread["labelSelector"]["matchLabels"]["django-celery/worker-set"] == "io"


def test_upgrades_of_the_chart_alone_replace_no_pod(chart: Chart) -> None:
    for pod in chart.render().pods():
        changing = {"helm.sh/chart", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"}
        assert not changing & pod.metadata["labels"].keys(), pod.name


def test_what_is_common_to_all_pods_reaches_them(chart: Chart) -> None:
    for pod in chart.render("everything").application_pods():
        assert pod.metadata["labels"]["team"] == "background", pod.name
        assert pod.metadata["annotations"]["example.com/owner"] == "background"
        assert pod.env["LOG_LEVEL"] == "DEBUG"
        assert pod.main["envFrom"] == [{"configMapRef": {"name": "settings"}}]
        assert {"name": "cache", "mountPath": "/cache"} in pod.main["volumeMounts"]
        assert {"name": "cache", "emptyDir": {}} in pod.spec["volumes"]
        assert [one["name"] for one in pod.spec["initContainers"]][-1] == "first"
        assert [one["name"] for one in pod.spec["containers"]][1:] == ["beside"]
        assert pod.spec["tolerations"] == [{"key": "jobs", "operator": "Exists"}]
        assert pod.spec["priorityClassName"] == "jobs"
        assert pod.spec["affinity"] == {"nodeAffinity": {}}
        assert pod.spec["topologySpreadConstraints"][0]["topologyKey"] == "topology.kubernetes.io/zone"
        assert pod.spec["imagePullSecrets"] == [{"name": "registry"}]
        assert pod.spec["serviceAccountName"] == f"{FULL}-{pod.component}"


def test_what_is_said_for_a_set_overrules_what_is_said_for_all(chart: Chart) -> None:
    objects = chart.render("everything")
    assert objects.pod("worker", "heavy").spec["nodeSelector"] == {"pool": "large"}
    assert objects.pod("worker", "io").spec["nodeSelector"] == {"pool": "jobs"}


def test_variables_from_elsewhere_stand_before_those_that_may_name_them(chart: Chart) -> None:
    env = chart.render("everything").pod("worker", "io").main["env"]
    kinds = ["value" in one for one in env]
    assert kinds == sorted(kinds)
    assert env[0] == {"name": "REGION", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}


def test_a_variable_is_named_once(chart: Chart) -> None:
    for scenario in ("default", "everything", "foreign"):
        for pod in chart.render(scenario, values={"pod": {"env": {"REDIS_USERNAME": "other"}}}).application_pods():
            names = [one["name"] for one in pod.main["env"]]
            assert len(names) == len(set(names)), pod.name
            assert pod.env["REDIS_USERNAME"] == "other"
