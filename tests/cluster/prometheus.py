"""Prometheus, as tests ask it: through the API server, so that no port needs to be open."""

from __future__ import annotations

import json
from typing import Any

from kubernetes import config

from deploy.kind.monitoring import NAMESPACE, POD, PORT
from deploy.kind.names import CONTEXT
from tests.cluster.polling import wait_for


class Prometheus:
    """Its HTTP API. Whatever it refuses ends a test with its words (ApiException)."""

    def __init__(self) -> None:
        # Dashboards ask a hundred questions: over one connection, not by a program for each.
        self._api = config.new_client_from_config(context=CONTEXT)

    def _get(self, where: str, parameters: dict[str, str]) -> Any:
        options = {"query_params": list(parameters.items()), "_preload_content": False, "_request_timeout": 30}
        return self._api.call_api(where, "GET", _return_http_data_only=True, **options)

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer."""
        where = f"/api/v1/namespaces/{NAMESPACE}/pods/{POD}:{PORT}/proxy/api/v1/{path}"
        answer = json.loads(self._get(where, parameters).data)
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series of an instant query: each with `metric`, its labels, and `value`."""
        found = self.ask("query", query=expr)
        assert found["resultType"] in ("vector", "scalar"), found
        return list(found["result"]) if found["resultType"] == "vector" else [{"metric": {}, "value": found["result"]}]

    def series(self, expr: str) -> list[dict[str, str]]:
        """The labels of a query's series."""
        return [one["metric"] for one in self.query(expr)]

    def values(self, expr: str) -> list[float]:
        """The values of a query's series."""
        return [float(one["value"][1]) for one in self.query(expr)]

    def targets(self, namespace: str) -> list[dict[str, Any]]:
        """What it reads in a namespace: each with `labels`, `health` and `lastError`."""
        found = self.ask("targets", state="active")["activeTargets"]
        return [one for one in found if one["labels"].get("namespace") == namespace]

    def alerts(self, namespace: str) -> list[dict[str, Any]]:
        """The alerting rules of a namespace: each with `name`, `query`, `health`, `state` and `alerts`."""
        groups = self.ask("rules", type="alert")["groups"]
        # The operator names a file of rules by its namespace and name.
        return [rule for group in groups if f"/{namespace}-" in group["file"] for rule in group["rules"]]

    def firing(self, namespace: str) -> dict[str, list[dict[str, str]]]:
        """The labels of what fires, by the alert's name."""
        found: dict[str, list[dict[str, str]]] = {}
        for rule in self.alerts(namespace):
            for one in rule["alerts"]:
                if one["state"] == "firing":
                    found.setdefault(rule["name"], []).append(one["labels"])
        return found

    def metrics(self) -> set[str]:
        """The names of all metrics that some target describes, without the endings that samples have."""
        return {name.removesuffix("_total").removesuffix("_info") for name in self.ask("metadata")}

    def wait_firing(self, namespace: str, alert: str, within: float, **labels: str) -> None:
        """Until the alert fires with these labels."""
        wait_for(
            lambda: [one for one in self.firing(namespace).get(alert, []) if labels.items() <= one.items()],
            within,
            what=f"{alert} fires in {namespace} for {labels}",
            seen=lambda _: self.firing(namespace),
        )

    def wait_silent(self, namespace: str, alert: str, within: float) -> None:
        """Until it no longer does."""
        wait_for(
            lambda: alert not in self.firing(namespace),
            within,
            what=f"{alert} is silent in {namespace}",
            seen=lambda _: self.firing(namespace),
        )
