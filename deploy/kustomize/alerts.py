"""Alerts are about one namespace, and Kustomize learns which only when an overlay has been put together.

Each expression says it as `namespace="…"`, at several places. Kustomize can replace a part of a text, counted between
delimiters, so each such part is listed here by its place among the quotes.
"""

from __future__ import annotations

from typing import Any

# The folder in the component that an overlay names as a transformer: after everything else, the namespace included.
FOLDER = "namespace"
QUOTE = '"'
# The label, and the end of exported_namespace too, which the chart writes as well.
BEFORE = "namespace="


def places(expression: str, namespace: str) -> list[int]:
    """Which parts of an expression, cut at its quotes, are this namespace, asked for."""
    parts = expression.split(QUOTE)
    return [
        place for place, part in enumerate(parts) if place and part == namespace and parts[place - 1].endswith(BEFORE)
    ]


def transformer(rule: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Files, by name, of a folder that writes the namespace of a PrometheusRule into all of its expressions."""
    fields: dict[int, list[str]] = {}
    for group, content in enumerate(rule["spec"]["groups"]):
        for number, one in enumerate(content["rules"]):
            for place in places(one["expr"], rule["metadata"]["namespace"]):
                fields.setdefault(place, []).append(f"spec.groups.{group}.rules.{number}.expr")
    select = {"kind": rule["kind"], "name": rule["metadata"]["name"]}
    targets = [
        {"select": dict(select), "fieldPaths": paths, "options": {"delimiter": QUOTE, "index": place}}
        for place, paths in sorted(fields.items())
    ]
    kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return {
        "kustomization.yaml": {**kustomization, "resources": ["alerts.yaml"]},
        "alerts.yaml": {
            "apiVersion": "builtin",
            "kind": "ReplacementTransformer",
            "metadata": {"name": "namespace-of-alerts"},
            "replacements": [{"source": {**select, "fieldPath": "metadata.namespace"}, "targets": targets}],
        },
    }
