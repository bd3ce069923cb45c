"""Kustomize's base and components are what Helm makes of the same values, object by object."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kind.names import CHART
from deploy.kind.programs import run
from deploy.kustomize.difference import KEYS, difference
from deploy.kustomize.render import HERE, RELEASE, components
from tests.chart.charts import LOADER, Object
from tests.kustomize.kustomize import OVERLAYS, SETTINGS, compose

IN_CLUSTER = SETTINGS | {"REDIS_URL": f"rediss://{RELEASE}-redis.{RELEASE}.svc:6379/0"}
USED = [
    tuple(
        Path(one).name
        for one in yaml.safe_load((HERE / "overlays" / name / "kustomization.yaml").read_text())["components"]
    )
    for name in OVERLAYS
]
# Each by itself, and together as overlays have them.
COMBINATIONS = sorted(
    {(), *((name,) for name in components()), *(tuple(n for n in used if n != "made") for used in USED)}
)


def helm(names: tuple[str, ...]) -> list[Object]:
    values = [HERE / "base" / "values.yaml", *(HERE / "components" / name / "values.yaml" for name in names)]
    arguments = [word for path in values for word in ("--values", str(path))]
    printed = run(
        "helm", "template", RELEASE, str(CHART), "--namespace", RELEASE, "--kube-version", "1.35.0", *arguments
    )
    return [one for one in yaml.load_all(printed, Loader=LOADER) if one]


def comparable(objects: list[Object]) -> dict[tuple[str, str], Object]:
    """By kind and name, without what differs on purpose: Helm's labels, hashes in names, the settings."""
    found = {}
    for one in objects:
        labels = one["metadata"].get("labels", {})
        for label in ("app.kubernetes.io/managed-by", "helm.sh/chart"):
            labels.pop(label, None)
        plain = json.loads(re.sub(rf"({RELEASE}-(?:settings|migrate))-[0-9a-z]{{10}}", r"\1", json.dumps(one)))
        found[(plain["kind"], plain["metadata"]["name"])] = in_order(plain)
    found.pop(("ConfigMap", f"{RELEASE}-settings"), None)
    return found


def in_order(value: Any, name: str = "") -> Any:
    """Lists whose order Kubernetes does not look at, in one order."""
    if isinstance(value, dict):
        return {key: in_order(one, key) for key, one in value.items()}
    if isinstance(value, list):
        ordered = [in_order(one) for one in value]
        key = KEYS.get(name)
        return sorted(ordered, key=lambda one: str(one[key])) if key and all(key in one for one in ordered) else ordered
    return value


@pytest.mark.parametrize("names", COMBINATIONS, ids=lambda names: "-".join(names) or "base")
def test_kustomize_makes_what_helm_makes(folder: Path, names: tuple[str, ...]) -> None:
    settings = IN_CLUSTER if "servers" in names else SETTINGS
    ours, helms = comparable(compose(folder, names, settings)), comparable(helm(names))
    assert ours.keys() == helms.keys()
    for identity, one in helms.items():
        assert ours[identity] == one, identity


def test_a_difference_says_what_is_new_otherwise_and_gone() -> None:
    old = {"a": 1, "b": {"c": 2, "d": 3}, "egress": [1, 2], "same": [1]}
    new = {"a": 1, "b": {"c": 4}, "egress": [2], "e": 5, "same": [1]}
    assert difference(old, new) == {"b": {"c": 4, "d": None}, "egress": [2], "e": 5}
    assert difference(old, old) == {}


def test_elements_of_a_keyed_list_are_changed_one_by_one() -> None:
    old = {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"}]}
    new = {"env": [{"name": "A", "value": "1"}, {"name": "C", "value": "4"}, {"name": "D", "value": "5"}]}
    assert difference(old, new) == {
        "env": [{"name": "C", "value": "4"}, {"name": "D", "value": "5"}, {"name": "B", "$patch": "delete"}]
    }
