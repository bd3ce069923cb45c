"""What every pod of the release must be, whatever it runs."""

from __future__ import annotations

import pytest

from tests.chart.charts import FULL, SCENARIOS, VERSION, Chart

# Volumes that the restricted pod security standard lets through, of those that the chart has.
VOLUMES = {"emptyDir", "secret", "configMap"}
# Containers that come from values.
GIVEN = ("first", "beside")


@pytest.mark.covers(83)
def test_every_pod_keeps_the_restricted_standard(chart: Chart) -> None:
    for scenario in SCENARIOS:
        for pod in chart.render(scenario).pods():
            context = pod.spec["securityContext"]
            assert context["runAsNonRoot"] is True, pod.name
            assert context["runAsUser"] > 0, pod.name
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}, pod.name
            for volume in pod.spec["volumes"]:
                assert set(volume) - {"name"} <= VOLUMES, f"{pod.name}: {volume['name']}"
            for container in pod.containers:
                if container["name"] not in GIVEN:
                    own = container["securityContext"]
                    assert own["allowPrivilegeEscalation"] is False, f"{pod.name}: {container['name']}"
                    assert own["capabilities"] == {"drop": ["ALL"]}, f"{pod.name}: {container['name']}"


@pytest.mark.covers(50, 83)
def test_no_container_writes_to_its_image(chart: Chart) -> None:
    for scenario in SCENARIOS:
        for pod in chart.render(scenario).pods():
            for container in pod.containers:
                if container["name"] not in GIVEN:
                    assert container["securityContext"]["readOnlyRootFilesystem"] is True, pod.name
            mounts = {one["mountPath"] for one in pod.main["volumeMounts"]}
            assert "/tmp" in mounts, pod.name  # noqa: S108


@pytest.mark.covers(83)
def test_no_pod_has_a_token_of_its_account(chart: Chart) -> None:
    objects = chart.render("everything")
    for pod in objects.pods():
        assert pod.spec["automountServiceAccountToken"] is False, pod.name
        assert pod.spec["enableServiceLinks"] is False, pod.name
    for account in objects.all("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


def test_each_component_has_an_account_of_its_own(chart: Chart) -> None:
    for scenario in SCENARIOS:
        objects = chart.render(scenario)
        used = {pod.spec["serviceAccountName"] for pod in objects.pods()}
        assert used == {one["metadata"]["name"] for one in objects.all("ServiceAccount")}, scenario
        for pod in objects.pods():
            assert pod.spec["serviceAccountName"] == f"{FULL}-{pod.component}"


def test_accounts_can_be_given_rights_by_annotation(chart: Chart) -> None:
    values = {"celery": {"pod": {"serviceAccountAnnotations": {"example.com/role": "workers"}}}}
    objects = chart.render("everything", values=values)
    roles = {
        one["metadata"]["name"]: one["metadata"].get("annotations", {}).get("example.com/role")
        for one in objects.all("ServiceAccount")
    }
    assert roles[f"{FULL}-web"] == "jobs"
    assert roles[f"{FULL}-worker"] == "workers"


@pytest.mark.covers(69)
def test_every_container_has_requests_and_a_memory_limit(chart: Chart) -> None:
    for pod in chart.render("everything").pods():
        for container in pod.containers:
            if container["name"] not in GIVEN:
                resources = container["resources"]
                assert resources["requests"].keys() == {"cpu", "memory"}, f"{pod.name}: {container['name']}"
                assert "memory" in resources["limits"], f"{pod.name}: {container['name']}"
                assert "cpu" not in resources["limits"], f"{pod.name}: {container['name']}"


def test_images_are_named_as_upstream_names_them(chart: Chart) -> None:
    for pod in chart.render("kind").pods():
        for container in pod.containers:
            assert container["image"] in (f"django-celery:{VERSION}", "redis:8.0", "postgres:17")
            assert container["imagePullPolicy"] == "IfNotPresent"


def test_a_digest_stands_before_the_tag(chart: Chart) -> None:
    digest = f"sha256:{'0' * 64}"
    values = {"image": {"digest": digest}, "redis": {"image": {"digest": digest}}}
    objects = chart.render(values=values)
    assert objects.pod("web").main["image"] == f"django-celery@{digest}"
    assert objects.pod("redis").main["image"] == f"redis@{digest}"


def test_every_object_says_what_it_is_part_of(chart: Chart) -> None:
    for scenario in SCENARIOS:
        for one in chart.render(scenario):
            if one["kind"] == "Pod":
                continue
            labels = one["metadata"]["labels"]
            assert labels["app.kubernetes.io/part-of"] == FULL
            assert labels["app.kubernetes.io/instance"] == "demo"
            assert labels["app.kubernetes.io/component"]
            assert one["metadata"]["namespace"] == "jobs", one["metadata"]["name"]


def test_names_are_told_apart(chart: Chart) -> None:
    for scenario in SCENARIOS:
        names = [(one["kind"], one["metadata"]["name"]) for one in chart.render(scenario)]
        assert len(names) == len(set(names)), scenario
