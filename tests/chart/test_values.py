"""values.yaml and its schema: every value has a reason, is read by a template, and is checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml

from tests.chart.charts import SCENARIOS, Chart, HelmError

Path = tuple[str, ...]

# What each value is changed to, where a change by its type would be refused by the schema.
OTHERWISE: dict[str, Any] = {
    "fullnameOverride": "other",
    "image.digest": f"sha256:{'1' * 64}",
    "image.pullPolicy": "Always",
    "web.autoscaling.engine": "none",
    "web.autoscaling.min": 3,
    "web.hosts": ["other.example.com"],
    "web.service.type": "LoadBalancer",
    "web.service.nodePort": 30081,
    "celery.pool": "threads",
    "celery.gracePeriod": 600,
    "celery.autoscaling.engine": "hpa",
    "celery.maxUnavailable": 2,
    "workers.io.pool": "prefork",
    # Which is off by default, and on where Flower is.
    "flower.metrics": False,
    "monitoring.port": 9300,
    "monitoring.discovery": "none",
    "monitoring.interval": "7s",
    "monitoring.rules.interval": "7s",
    "monitoring.rules.for": "7s",
    "exporter.image.digest": f"sha256:{'1' * 64}",
    "exporter.image.pullPolicy": "Always",
    "tls.source": "cert-manager",
    "tls.certManager.issuer": {"name": "other", "kind": "Issuer"},
    "tls.certManager.duration": "100h",
    "tls.certManager.renewBefore": "50h",
    "redis.maxMemory": "1gb",
    "redis.rules": {"web": "~other"},
    "redis.image.digest": f"sha256:{'1' * 64}",
    "redis.image.pullPolicy": "Always",
    "redis.persistence.size": "9Gi",
    "postgresql.external.sslMode": "verify-ca",
    "postgresql.sharedBuffers": "1GB",
    "postgresql.image.digest": f"sha256:{'1' * 64}",
    "postgresql.image.pullPolicy": "Always",
    "postgresql.persistence.size": "9Gi",
}
# Shows only in what is random; a test of its own reads it there.
ELSEWHERE = {"tls.generated.days"}
# Where values show that do not in the scenario `everything`.
SHOWN_IN = {
    "web.autoscaling.replicas": ["small"],
    "web.httpRoute": ["httproute"],
    "celery.autoscaling.replicas": ["small"],
    "celery.autoscaling.jobsPerReplica": ["default"],
    "workers.critical.autoscaling": ["default"],
    "workers.io.pool": ["foreign"],
    "tls.certManager.issuer": ["cert-manager"],
    "tls.certManager": ["cert-manager"],
    "redis.external": ["external", "external-one-user"],
    "postgresql.external": ["external"],
}
# Values that are lists or maps as Kubernetes has them: changed as a whole.
WHOLE = ("resources", "startup", "readiness", "liveness", "behavior", "keda", "dns", "egress", "prometheus")
# What values whose path ends so are changed to.
BY_END: dict[str, Any] = {
    "workers.default": {"concurrency": 1},
    "image.pullSecrets": [{"name": "other"}],
    "autoscaling.metrics": [{"type": "Pods"}],
    "parentRefs": [{"name": "other"}],
    "networkPolicy.prometheus": [{"podSelector": {"matchLabels": {"app": "other"}}}],
    "networkPolicy.keda": [{"podSelector": {"matchLabels": {"app": "other"}}}],
    "keda": {"pollingInterval": 7, "cooldownPeriod": 7, "failureThreshold": 7},
    "resources": {"requests": {"cpu": "7m"}},
    "startup": {"timeoutSeconds": 7},
    "readiness": {"timeoutSeconds": 7},
    "liveness": {"timeoutSeconds": 7},
    "behavior": {"scaleUp": {"stabilizationWindowSeconds": 7}},
    "affinity": {"nodeAffinity": {}},
    "pod": {"priorityClassName": "other"},
    "command": ["other"],
    "args": ["other"],
}
BY_TYPE: dict[type, Any] = {list: [{"name": "other"}], dict: {"other": "other"}}


def leaves(values: dict[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value, by its path."""
    for name, value in values.items():
        here = (*path, name)
        if isinstance(value, dict) and value and name not in WHOLE:
            yield from leaves(value, here)
        else:
            yield here, value


def changed(path: Path, value: Any) -> Any:
    """Another value that the schema lets through."""
    dotted = ".".join(path)
    if dotted in OTHERWISE:
        return OTHERWISE[dotted]
    for end, other in BY_END.items():
        if f".{dotted}".endswith(f".{end}"):
            return other
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else BY_TYPE.get(type(value), "other")


def nested(path: Path, value: Any) -> dict[str, Any]:
    for name in reversed(path):
        value = {name: value}
    return dict(value)


def outcome(chart: Chart, scenario: str, values: dict[str, Any]) -> list[str]:
    """What is made, without what is random; or why nothing is."""
    try:
        documents = chart.text(scenario, values=values).split("\n---\n")
    except HelmError as error:
        if "schema" in str(error):
            raise
        return [str(error)]
    return [one for one in documents if "\nkind: Secret\n" not in one]


def scenarios(dotted: str) -> list[str]:
    """All of them, those first in which such a value is likely to show."""
    likely = next((shown for start, shown in SHOWN_IN.items() if dotted.startswith(start)), ["everything"])
    return [*likely, *(scenario for scenario in SCENARIOS if scenario not in likely)]


def read_somewhere(chart: Chart, path: Path, value: Any) -> bool:
    dotted = ".".join(path)
    if dotted in ELSEWHERE:
        return False
    values = nested(path, changed(path, value))
    return any(outcome(chart, one, values) != outcome(chart, one, {}) for one in scenarios(dotted))


def test_every_value_is_read_by_a_template(chart: Chart) -> None:
    defaults = yaml.safe_load((chart.folder / "values.yaml").read_text())
    found = list(leaves(defaults))
    assert len(found) > 150
    with ThreadPoolExecutor(2) as threads:
        read = list(threads.map(lambda leaf: read_somewhere(chart, *leaf), found))
    dead = {".".join(path) for (path, _), seen in zip(found, read, strict=True) if not seen}
    assert dead == ELSEWHERE


def test_every_value_has_a_reason(chart: Chart) -> None:
    text = (chart.folder / "values.yaml").read_text()
    lines = text.splitlines()
    silent = []
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    for path, line in keys(root):
        above = line - 1
        while lines[above - 1].lstrip().startswith("# ") and not lines[above].lstrip().startswith("# -- "):
            above -= 1
        if not lines[above].lstrip().startswith("# -- "):
            silent.append(".".join(path))
    assert silent == [], "write `# --` and the reason above each of these"


def keys(node: yaml.MappingNode, path: Path = ()) -> Iterator[tuple[Path, int]]:
    """Every key that has a line of its own, and the line's number from 0. What stands in braces has one reason."""
    for key, value in node.value:
        here = (*path, key.value)
        yield here, key.start_mark.line
        if isinstance(value, yaml.MappingNode) and not value.flow_style and not path_is_kubernetes(here):
            yield from keys(value, here)


def path_is_kubernetes(path: Path) -> bool:
    """Below these stand objects of Kubernetes."""
    return path[-1] in ("egress",)


def test_the_schema_knows_every_value(chart: Chart) -> None:
    schema = json.loads((chart.folder / "values.schema.json").read_text())
    defaults = yaml.safe_load((chart.folder / "values.yaml").read_text())
    assert schema["properties"].keys() - {"global"} == defaults.keys()
    for name in ("web", "beat", "relay", "flower", "exporter", "monitoring", "migrations", "smokeTest", "redis",
                 "postgresql", "tls", "image"):  # fmt: skip
        known = schema["properties"][name]
        known = schema["definitions"][known["$ref"].rpartition("/")[2]] if "$ref" in known else known
        assert known["additionalProperties"] is False
        assert defaults[name].keys() <= known["properties"].keys(), name
    assert defaults["celery"].keys() == schema["definitions"]["worker"]["properties"].keys()
    assert defaults["pod"].keys() == schema["definitions"]["pod"]["properties"].keys()


def test_misspelt_values_are_refused(chart: Chart) -> None:
    misspelt: list[dict[str, Any]] = [
        {"wbe": {}},
        {"web": {"replica": 2}},
        {"celery": {"concurency": 2}},
        {"workers": {"io": {"autoscaling": {"maximum": 2}}}},
        {"pod": {"label": {}}},
        {"redis": {"persistence": {"sice": "1Gi"}}},
        {"tls": {"verify": False}},
        {"networkPolicy": {"allow": []}},
        {"monitoring": {"prot": 9100}},
        {"exporter": {"replicas": 2}},
    ]
    for values in misspelt:
        assert "schema" in chart.refusal(values=values), values


def test_values_that_cannot_be_are_refused(chart: Chart) -> None:
    impossible: list[dict[str, Any]] = [
        {"workers": {"Io": {}}},
        {"workers": {"io": {"timeLimit": 0}}},
        {"workers": {"io": {"gracePeriod": 15}}},
        {"workers": {"io": {"pool": "gevent"}}},
        {"workers": {"io": {"queue": "two words"}}},
        {"celery": {"autoscaling": {"engine": "vpa"}}},
        {"celery": {"autoscaling": {"jobsPerReplica": 0}}},
        {"celery": {"resources": {"limits": {"memory": "much"}}}},
        {"web": {"autoscaling": {"engine": "keda"}}},
        {"web": {"gracePeriod": 20}},
        {"web": {"service": {"type": "ExternalName"}}},
        {"pod": {"user": 0}},
        {"pod": {"env": {"A-B": "1"}}},
        {"pod": {"env": {"A": {"value": "1"}}}},
        {"tls": {"source": "none"}},
        {"redis": {"maxMemory": "50%"}},
        {"redis": {"rules": {"admin": "+@all"}}},
        {"image": {"digest": "latest"}},
        {"postgresql": {"maxConnections": 5}},
        {"monitoring": {"port": 80}},
        {"monitoring": {"discovery": "consul"}},
        {"monitoring": {"interval": "often"}},
    ]
    for values in impossible:
        assert "schema" in chart.refusal(values=values), values
