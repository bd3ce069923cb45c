"""Values that fit the schema and contradict each other: refused, each with what mends it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.charts import Chart

CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"fullnameOverride": "a" * 31}, "has 31 characters, and 30 leave room for what is added; set fullnameOverride"),
    ({"redis": {"external": {"host": "other"}}}, "redis.enabled is true and redis.external.host is set; leave one"),
    ({"redis": {"enabled": False}}, "redis.enabled is false and there is no other; set redis.external.host"),
    (
        {"postgresql": {"enabled": False, "external": {"host": "other"}}},
        "postgresql.enabled is false, and a generated password would not be its own; name the Secret in",
    ),
    (
        {"redis": {"enabled": False, "external": {"host": "other"}}, "secrets": {"existing": "passwords"}},
        "tls.source is generated, which signs only for the chart's own servers; set tls.source=secret",
    ),
    ({"tls": {"source": "secret"}}, "tls.source is secret and tls.secret is empty; name the Secret"),
    ({"tls": {"secret": "mine"}}, "tls.secret is set and tls.source is generated, which makes another; set tls.source"),
    (
        {
            "web": {
                "hosts": ["a.example.com"],
                "ingress": {"enabled": True},
                "httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}]},
            }
        },
        "web.ingress and web.httpRoute are both enabled; the hosts can have one way in, disable the other",
    ),
    (
        {"web": {"ingress": {"enabled": True}}},
        "web.hosts is empty and an Ingress or HTTPRoute is enabled; list its host",
    ),
    (
        {"web": {"hosts": ["a.example.com"], "httpRoute": {"enabled": True}}},
        "web.httpRoute is enabled and parentRefs is empty; name its Gateway",
    ),
    ({"web": {"service": {"nodePort": 30000}}}, "web.service.type is ClusterIP; set the type to NodePort"),
    ({"web": {"autoscaling": {"min": 5}}}, "web.autoscaling.min is 5 and max is 4; min must not be above max"),
    ({"workers": {"io": {"autoscaling": {"min": 11}}}}, "workers.io.autoscaling.min is 11 and max is 10; min must not"),
    (
        {"workers": {"io": {"autoscaling": {"engine": "hpa"}}}},
        "workers.io.autoscaling.min is 0 and the engine is hpa, which has nothing to measure then; set min to 1",
    ),
    (
        {
            "celery": {"resources": {"requests": {"cpu": None}}},
            "workers": {"default": {"autoscaling": {"engine": "hpa"}}},
        },
        "workers.default.autoscaling.engine is hpa and resources.requests.cpu is not set",
    ),
    (
        {"workers": {"other": {"queue": "io"}}},
        "both serve the queue io, so each would count the other's jobs; serve it",
    ),
    (
        {"workers": {"io": {"gracePeriod": 60}}},
        "is 60 s and its pool is threads, which cannot give running jobs back; it must be at least 240 s, or empty",
    ),
    ({"workers": {"q" * 40: {}}}, "shorten the entry's name and set its queue"),
    (
        {"relay": {"enabled": False}},
        "relay.enabled is false: jobs whose message was lost would wait for ever; enable it",
    ),
    ({"application": {"celery": "tasks"}}, "such an image has no relay, set relay.enabled=false"),
    ({"application": {"celery": "tasks"}}, "web is enabled without a command; set web.command"),
    ({"application": {"celery": "tasks"}}, "migrations are enabled without both commands; set migrations.command"),
    (
        {"application": {"celery": "tasks"}, "monitoring": {"discovery": "operator"}},
        "alerts read this project's metrics, set monitoring.rules.enabled=false",
    ),
    ({"application": {"celery": "tasks"}}, "smokeTest is enabled without a command; set smokeTest.command"),
    (
        {"workers": {"heavy": {"autoscaling": {"max": 20}}}},
        "the pods may hold 556 database connections and postgresql.maxConnections is 500; raise it, or lower",
    ),
]


@pytest.mark.parametrize(("values", "said"), CONTRADICTIONS, ids=[said[:40] for _, said in CONTRADICTIONS])
def test_a_contradiction_is_refused_with_its_mend(chart: Chart, values: dict[str, Any], said: str) -> None:
    assert said in chart.refusal(values=values)


def test_all_contradictions_are_said_at_once(chart: Chart) -> None:
    said = chart.refusal(
        values={"tls": {"secret": "mine"}, "relay": {"enabled": False}, "web": {"ingress": {"enabled": True}}}
    )
    assert said.count("\n- ") == 3


def test_every_contradiction_has_a_test(chart: Chart) -> None:
    lines = (chart.folder / "templates" / "_validate.tpl").read_text().splitlines()
    faults = [line for line in lines if line.startswith("- ")]
    # The one about resources or min is shared by web and worker sets, the servers' by both.
    assert len(faults) == len(set(faults)) == len(CONTRADICTIONS) - 1


def test_the_chart_counts_database_connections_as_they_are_held(chart: Chart) -> None:
    # Twice: 10 pods of 2 children and a guard for three sets, 10 of 8 threads and a guard, 4 web pods of 2 x 8 threads.
    # And relay and its metrics, beat, migrations, smoke test, and 3 that PostgreSQL keeps.
    needed = 2 * (3 * 10 * 3 + 10 * 9 + 4 * 16) + 8
    assert "may hold" in chart.refusal(values={"postgresql": {"maxConnections": needed - 1}})
    assert chart.render(values={"postgresql": {"maxConnections": needed}})


def test_sets_with_a_fixed_number_are_counted_by_it(chart: Chart) -> None:
    # One pod each: three of 2 children and a guard, one of 8 threads and a guard, one of web.
    needed = 2 * (3 * 3 + 9 + 16) + 8
    assert "may hold" in chart.refusal("small", values={"postgresql": {"maxConnections": needed - 1}})
    assert chart.render("small", values={"postgresql": {"maxConnections": needed}})
