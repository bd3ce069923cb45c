"""What every overlay must be: what the chart's tests ask of the chart, and its own contract."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kustomize import alerts
from deploy.kustomize.render import HERE, MIGRATIONS
from tests.chart import test_kubernetes, test_migrations, test_network, test_secrets, test_security, test_singletons
from tests.chart.charts import Chart
from tests.kustomize.kustomize import OVERLAYS, AsChart, Built, compose
from tests.kustomize.test_equivalence import COMBINATIONS

# Of the chart's tests those that say what any set of its objects must be.
CHECKS: list[Callable[[Any], None]] = [
    test_migrations.test_a_failed_migration_is_tried_again_for_days,
    test_migrations.test_every_pod_that_uses_the_database_waits,
    test_migrations.test_migrations_are_an_ordinary_job,
    test_network.test_nothing_goes_in_or_out_unless_a_policy_says_so,
    test_network.test_only_io_goes_out_to_the_world_and_not_into_private_networks,
    test_secrets.test_each_pod_sees_the_passwords_of_its_own_role_alone,
    test_secrets.test_no_password_is_a_variable,
    test_secrets.test_passwords_can_be_read_by_the_pods_group_and_nobody_else,
    test_security.test_every_container_has_requests_and_a_memory_limit,
    test_security.test_every_pod_keeps_the_restricted_standard,
    test_security.test_names_are_told_apart,
    test_security.test_no_container_writes_to_its_image,
    test_security.test_no_pod_has_a_token_of_its_account,
    test_singletons.test_no_budget_and_no_autoscaler_for_one_of_a_kind,
    test_singletons.test_there_is_one_beat_and_one_relay,
]
EXAMPLE = ("example.com", "letsencrypt")


@pytest.mark.covers(71, 83)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__[5:])
def test_the_charts_rules_hold(overlay: Built, check: Callable[[Any], None]) -> None:
    check(AsChart(overlay))


@pytest.mark.parametrize("version", test_kubernetes.VERSIONS)
def test_every_object_is_what_kubernetes_expects(overlay: Built, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    test_kubernetes.test_every_object_is_what_kubernetes_expects(AsChart(overlay), version, monkeypatch)  # type: ignore[arg-type]


def test_every_pod_has_one_network_policy_besides_the_one_that_denies(overlay: Built) -> None:
    policies = [one for one in overlay.all("NetworkPolicy") if not one["metadata"]["name"].endswith("-default-deny")]
    for pod in overlay.pods():
        assert sum(test_network.selects(one, pod) for one in policies) == 1, pod.name


def test_everything_is_in_one_namespace(built: dict[str, Built]) -> None:
    for name, objects in built.items():
        namespaces = {one["metadata"].get("namespace") for one in objects if one["kind"] != "Namespace"}
        assert namespaces == {f"django-celery-{name}"}


def test_nothing_says_that_helm_keeps_it(overlay: Built) -> None:
    for one in overlay:
        assert not {"app.kubernetes.io/managed-by", "helm.sh/chart"} & one["metadata"].get("labels", {}).keys()
        assert not any("helm" in key for key in one["metadata"].get("annotations", {}))


def test_every_pod_reads_the_settings_that_stand_there(overlay: Built) -> None:
    names = {one["metadata"]["name"] for one in overlay.all("ConfigMap")}
    required = set()
    for pod in overlay.application_pods():
        for container in pod.containers:
            assert container["envFrom"][0]["configMapRef"]["name"] in names, pod.name
            for variable in container["env"]:
                if reference := variable.get("valueFrom", {}).get("configMapKeyRef"):
                    assert reference["name"] in names, pod.name
                    required |= set() if reference.get("optional") else {reference["key"]}
    assert required == {"ALLOWED_HOSTS", "DATABASE_URL", "DJANGO_SETTINGS_MODULE", "REDIS_URL"}
    assert required <= overlay.settings.keys()


def test_web_answers_to_its_service_and_to_probes(built: dict[str, Built]) -> None:
    for name, objects in built.items():
        hosts = set(objects.settings["ALLOWED_HOSTS"].split(","))
        assert {"localhost", "django-celery-web", f"django-celery-web.django-celery-{name}.svc"} <= hosts


def test_keda_counts_in_the_redis_that_the_pods_use(overlay: Built) -> None:
    scaled = overlay.all("ScaledObject")
    assert len(scaled) == 4
    for one in scaled:
        for trigger in one["spec"]["triggers"]:
            metadata = trigger["metadata"]
            url = f"rediss://{metadata['address']}/{metadata['databaseIndex']}"
            assert url == overlay.settings["REDIS_URL"], one["metadata"]["name"]


def test_no_count_is_written_where_an_autoscaler_counts(overlay: Built) -> None:
    counted = {
        one["spec"]["scaleTargetRef"]["name"]
        for one in [*overlay.all("ScaledObject"), *overlay.all("HorizontalPodAutoscaler")]
    }
    for one in overlay.all("Deployment"):
        if one["metadata"]["name"] in counted:
            assert "replicas" not in one["spec"], one["metadata"]["name"]


def test_connections_are_counted_as_the_chart_counts_them(folder: Path, chart: Chart) -> None:
    """The chart refuses one less than it counts for its own values, which are those of the base with KEDA."""
    counted = compose(folder, ["keda"]).connections()
    assert "may hold" in chart.refusal(values={"postgresql": {"maxConnections": counted - 1}})
    assert chart.render(values={"postgresql": {"maxConnections": counted}})


def contract(name: str) -> set[str]:
    """The promises in the head of an overlay, as names of tests."""
    lines = (HERE / "overlays" / name / "kustomization.yaml").read_text().splitlines()
    return {f"test_{line.removeprefix('# - ').replace(' ', '_')}" for line in lines if line.startswith("# - ")}


@pytest.mark.parametrize("name", OVERLAYS)
def test_each_line_of_a_contract_is_a_test(name: str) -> None:
    tests = importlib.import_module(f"tests.kustomize.test_{name}")
    assert tests.__file__
    tree = ast.parse(Path(tests.__file__).read_text())
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}
    assert len(found) >= 5
    assert contract(name) == found, "a line of the contract and its test have the same words"


@pytest.mark.parametrize("name", OVERLAYS)
def test_patches_and_settings_stand_in_the_file_that_names_the_job(name: str) -> None:
    """Else a change of them could change the Job and not its name, and Kubernetes would refuse it."""
    kustomization = yaml.safe_load((HERE / "overlays" / name / "kustomization.yaml").read_text())
    generators = {one["name"]: one for one in kustomization["configMapGenerator"]}
    assert generators.pop(MIGRATIONS)["files"] == ["overlay=kustomization.yaml"]
    for one in generators.values():
        assert set(one) == {"name", "behavior", "literals"}
    for patch in kustomization["patches"]:
        assert set(patch) <= {"target", "patch"}
    # This one reads and writes alerts alone.
    assert set(kustomization.pop("transformers", [])) <= {f"../../components/monitoring/{alerts.FOLDER}"}
    elsewhere = {"transformers", "generators", "replacements", "configurations", "patchesStrategicMerge", "vars"}
    assert not elsewhere & kustomization.keys()


def test_the_namespace_of_alerts_is_written_into_alerts_and_nothing_else() -> None:
    folder = HERE / "components" / "monitoring" / alerts.FOLDER
    (resource,) = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    (replacement,) = yaml.safe_load((folder / resource).read_text())["replacements"]
    chosen = [replacement["source"]["kind"], *(one["select"]["kind"] for one in replacement["targets"])]
    assert len(chosen) >= 3
    assert set(chosen) == {"PrometheusRule"}


def test_a_namespace_is_found_among_the_quotes_of_an_expression() -> None:
    expression = (
        'up{namespace="a",job="a"} or label_replace(down{namespace="",exported_namespace="a"}, "namespace", "a")'
    )
    parts = expression.split(alerts.QUOTE)
    found = alerts.places(expression, "a")
    assert [(parts[place - 1], parts[place]) for place in found] == [
        ("up{namespace=", "a"),
        (",exported_namespace=", "a"),
    ]
    assert alerts.places(expression, "b") == []


def test_what_overlays_combine_is_compared_with_helm() -> None:
    assert ("servers", "keda") in COMBINATIONS
    assert ("keda", "ingress", "monitoring") in COMBINATIONS
