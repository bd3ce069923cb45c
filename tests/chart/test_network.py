"""NetworkPolicies: who may talk to whom."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.charts import FULL, SCENARIOS, Chart, Object, Objects, Pod

# Who is let in for metrics, and where, by default.
PROMETHEUS = {
    "ports": [{"port": "metrics"}],
    "from": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
        }
    ],
}
# To whom each component connects.
SERVERS = {
    "web": {"dns", "redis", "postgresql"},
    "worker-default": {"dns", "redis", "postgresql"},
    "beat": {"dns", "redis", "postgresql"},
    "relay": {"dns", "redis", "postgresql"},
    "migrate": {"dns", "postgresql"},
    "smoke-test": {"dns", "redis", "postgresql"},
    "redis": set(),
    "postgresql": set(),
}


def ports(rule: dict[str, Any]) -> set[int | str]:
    return {one["port"] for one in rule["ports"]}


def targets(objects: Objects, name: str) -> set[str]:
    """What a component may connect to, by the labels of the pods or the port."""
    found = set()
    for rule in objects.one("NetworkPolicy", name)["spec"].get("egress", []):
        if ports(rule) == {53}:
            assert [one["namespaceSelector"] for one in rule["to"]]
            found.add("dns")
            continue
        (peer,) = rule["to"]
        found.add(peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"])
    return found


@pytest.mark.covers(78)
def test_nothing_goes_in_or_out_unless_a_policy_says_so(chart: Chart) -> None:
    objects = chart.render()
    deny = objects.one("NetworkPolicy", "default-deny")["spec"]
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & deny.keys()
    for pod in objects.pods():
        assert deny["podSelector"]["matchLabels"].items() <= pod.metadata["labels"].items(), pod.name


@pytest.mark.covers(78)
def test_each_component_has_a_policy_of_its_own(chart: Chart) -> None:
    for scenario in SCENARIOS:
        objects = chart.render(scenario)
        policies = [one for one in objects.all("NetworkPolicy") if one["metadata"]["name"] != f"{FULL}-default-deny"]
        for pod in objects.pods() if policies else []:
            mine = [one["spec"] for one in policies if selects(one, pod)]
            assert len(mine) == 1, f"{scenario}: {pod.name} has {len(mine)}"
            assert mine[0]["policyTypes"] == ["Ingress", "Egress"]


def selects(policy: Object, pod: Pod) -> bool:
    return bool(policy["spec"]["podSelector"]["matchLabels"].items() <= pod.metadata["labels"].items())


@pytest.mark.covers(78, 119)
def test_each_component_reaches_what_it_needs(chart: Chart) -> None:
    objects = chart.render()
    for name, expected in SERVERS.items():
        assert targets(objects, name) == expected, name


@pytest.mark.covers(78)
def test_only_labelled_pods_and_keda_reach_redis(chart: Chart) -> None:
    (rule,) = chart.render().one("NetworkPolicy", "redis")["spec"]["ingress"]
    assert ports(rule) == {"redis"}
    clients, keda = rule["from"]
    assert clients == {"podSelector": {"matchLabels": {f"{FULL}/redis-client": "true"}}}
    assert keda == {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}},
        "podSelector": {"matchLabels": {"app": "keda-operator"}},
    }


@pytest.mark.covers(78)
def test_only_labelled_pods_reach_postgresql(chart: Chart) -> None:
    (rule,) = chart.render().one("NetworkPolicy", "postgresql")["spec"]["ingress"]
    assert ports(rule) == {"postgresql"}
    assert rule["from"] == [{"podSelector": {"matchLabels": {f"{FULL}/postgresql-client": "true"}}}]


def test_those_who_may_reach_a_server_have_its_label(chart: Chart) -> None:
    objects = chart.render("everything")
    for pod in objects.application_pods():
        labels = pod.metadata["labels"]
        assert (labels.get(f"{FULL}/redis-client") == "true") == (pod.component != "migrate"), pod.name
        assert (labels.get(f"{FULL}/postgresql-client") == "true") == (pod.component != "flower"), pod.name


@pytest.mark.covers(78)
def test_nobody_but_prometheus_connects_to_workers_beat_or_the_relay(chart: Chart) -> None:
    for scenario in ("default", "everything"):
        objects = chart.render(scenario)
        for name in ("worker-io", "worker-heavy", "beat", "relay"):
            assert objects.one("NetworkPolicy", name)["spec"]["ingress"] == [PROMETHEUS], name
        for name in ("migrate", "smoke-test"):
            assert "ingress" not in objects.one("NetworkPolicy", name)["spec"], name


def test_prometheus_can_be_kept_out(chart: Chart) -> None:
    values = {"exporter": {"enabled": True}, "networkPolicy": {"prometheus": []}}
    objects = chart.render(values=values)
    for name in ("worker-io", "beat", "relay", "exporter"):
        assert "ingress" not in objects.one("NetworkPolicy", name)["spec"], name
    assert objects.one("NetworkPolicy", "web")["spec"]["ingress"] == [{"ports": [{"port": "http"}]}]


def test_web_is_open_and_can_be_closed(chart: Chart) -> None:
    opened, metrics = chart.render().one("NetworkPolicy", "web")["spec"]["ingress"]
    assert opened == {"ports": [{"port": "http"}]}
    assert metrics == PROMETHEUS
    closed, _ = chart.render("everything").one("NetworkPolicy", "web")["spec"]["ingress"]
    assert closed["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}]


def test_flower_is_closed_and_can_be_opened(chart: Chart) -> None:
    closed = chart.render(values={"flower": {"enabled": True}}).one("NetworkPolicy", "flower")
    assert "ingress" not in closed["spec"]
    (opened,) = chart.render("everything").one("NetworkPolicy", "flower")["spec"]["ingress"]
    ingress = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}
    # Its metrics are on the port of its pages, and asked for there.
    assert opened == {"ports": [{"port": "http"}], "from": [ingress, *PROMETHEUS["from"]]}


@pytest.mark.covers(78)
def test_only_io_goes_out_to_the_world_and_not_into_private_networks(chart: Chart) -> None:
    objects = chart.render()
    for name in ("worker-critical", "worker-default", "worker-heavy", "web", "beat", "relay"):
        assert "ipBlock" not in str(objects.one("NetworkPolicy", name)["spec"]), name
    (rule,) = [rule for rule in objects.one("NetworkPolicy", "worker-io")["spec"]["egress"] if "ipBlock" in str(rule)]
    (peer,) = rule["to"]
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"} <= set(peer["ipBlock"]["except"])
    assert 443 in ports(rule)


def test_ways_out_can_be_added_for_all(chart: Chart) -> None:
    objects = chart.render("everything")
    for name in ("web", "worker-default", "relay", "flower"):
        assert "203.0.113.0/24" in str(objects.one("NetworkPolicy", name)["spec"]["egress"]), name


def test_the_ports_of_external_servers_are_open(chart: Chart) -> None:
    rules = chart.render("external").one("NetworkPolicy", "relay")["spec"]["egress"]
    assert {"ports": [{"port": 6380, "protocol": "TCP"}]} in rules
    assert {"ports": [{"port": 6432, "protocol": "TCP"}]} in rules


def test_policies_can_be_left_to_the_cluster(chart: Chart) -> None:
    assert chart.render("small").all("NetworkPolicy") == []
