"""Alerts fire when they must, are silent when they must, and lead to a page that helps. No Prometheus is needed."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kind.names import CHART
from tests.chart.charts import FULL, Chart, tool
from tests.cluster.alerts import written
from tests.guards.source import APP, ROOT, told
from tests.guards.test_dashboards import of_the_application

FOLDER = Path(__file__).parent
RULES = sorted((CHART / "alerts").glob("*.yaml"))
OPERATIONS = ROOT / "docs" / "operations"
INDEX = OPERATIONS / "alerts.md"
PAGES = "https://github.com/example/django-celery/blob/main/docs/operations/"
HEADINGS = ["What it means", "How to look", "What to do"]
# The release that the pages speak of.
RELEASE = "jobs-django-celery"
# Of others: Prometheus itself, KEDA and kube-state-metrics.
OF_OTHERS = {
    "up",
    "keda_scaler_detail_errors_total",
    "kube_horizontalpodautoscaler_status_desired_replicas",
    "kube_horizontalpodautoscaler_spec_max_replicas",
    "kube_pod_container_status_restarts_total",
}
ALERTS = {rule["alert"]: rule for rule in written()}
COMPARISON = re.compile(r"(?:==|>=|<=|>|<) [\d.]+")
EXCHANGED = {"==": "!=", ">": ">=", ">=": ">", "<": "<=", "<=": "<"}


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False)


def page(alert: str) -> Path:
    return OPERATIONS / f"{re.sub('(?<!^)(?=[A-Z])', '-', alert).lower()}.md"


def cases() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each alert that a test of promtool asks for, with the samples that must be there: none when it is silent."""
    for path in sorted(FOLDER.glob("*.yaml")):
        for test in yaml.safe_load(path.read_text())["tests"]:
            for ask in test["promql_expr_test"]:
                [alert] = re.findall(r'ALERTS\{alertname="(\w+)",alertstate="firing"\}', ask["expr"])
                yield alert, ask["exp_samples"]


@pytest.mark.covers(44)
def test_every_rule_is_one_for_prometheus() -> None:
    assert len(ALERTS) == len(written()) >= 20
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.covers(44, 54)
@pytest.mark.parametrize("rules", RULES, ids=lambda path: path.stem)
def test_alerts_fire_and_are_silent_as_they_must(rules: Path) -> None:
    done = promtool("test", "rules", FOLDER / rules.name)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.covers(44)
def test_each_alert_is_made_to_fire_and_to_stay_silent() -> None:
    firing: dict[str, int] = defaultdict(int)
    silent: dict[str, int] = defaultdict(int)
    for alert, samples in cases():
        (firing if samples else silent)[alert] += 1
    untried = {f"{alert} does not fire" for alert in ALERTS if not firing[alert]}
    untried |= {f"{alert} is not silent" for alert in ALERTS if not silent[alert]}
    assert not untried, told(untried, "in no test of tests/alerts; add one")
    unknown = (firing.keys() | silent.keys()) - ALERTS.keys()
    assert not unknown, told(unknown, "no rule has this name; a test that asks for it is always silent")


@pytest.mark.parametrize("rules", RULES, ids=lambda path: path.stem)
def test_the_tests_see_where_each_limit_is(rules: Path, tmp_path: Path) -> None:
    """With > for >= and the like, some test of the file fails."""
    text = rules.read_text()
    unseen = set()
    for number, found in enumerate(re.finditer(r"(?m)(==|>=|<=|>|<)(?= [\d.]+\)?$)", text)):
        changed = tmp_path / f"{number}.yaml"
        changed.write_text(text[: found.start()] + EXCHANGED[found.group()] + text[found.end() :])
        tests = tmp_path / f"tests-{number}.yaml"
        tests.write_text((FOLDER / rules.name).read_text().replace(f"../../{rules.relative_to(ROOT)}", changed.name))
        if promtool("test", "rules", tests).returncode == 0:
            unseen.add(text[: found.end()].rpartition("- alert: ")[2])
    assert not unseen, told(unseen, "no value of a test stands at this limit")


def test_every_alert_says_what_how_bad_and_where_to_read_on() -> None:
    for alert, rule in ALERTS.items():
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}, alert
        assert all(len(text) > 20 for text in rule["annotations"].values()), alert
        assert rule["labels"]["severity"] in ("warning", "critical"), alert
        assert re.fullmatch(r"\d+m", rule["for"]), alert
        assert rule["annotations"]["runbook_url"] == PAGES + page(alert).name


def test_what_an_alert_quotes_is_among_its_labels() -> None:
    labels = {alert: set(re.findall(r'(\w+)="', samples[0]["labels"])) for alert, samples in cases() if samples}
    for alert, rule in ALERTS.items():
        quoted = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        assert quoted <= labels[alert], alert
        assert "namespace" in labels[alert], alert


def test_every_series_is_of_the_chosen_namespace() -> None:
    for alert, rule in ALERTS.items():
        selectors = re.findall(r"\b[a-z_]+\{([^}]*)\}", rule["expr"])
        assert selectors, alert
        for selector in selectors:
            assert selector.startswith(('namespace=~".+"', 'exported_namespace=~".+"')), alert


def metrics(expr: str) -> set[str]:
    return {re.sub("_(bucket|count)$", "", name) for name in re.findall(r"\b([a-z_]+)\{", expr)}


@pytest.mark.covers(44)
def test_only_metrics_are_read_that_somebody_has() -> None:
    named = set().union(*(metrics(rule["expr"]) for rule in ALERTS.values()))
    unknown = named - of_the_application() - OF_OTHERS
    assert not unknown, told(unknown, "an alert reads it and nobody has it; was one renamed?")
    needless = OF_OTHERS - named
    assert not needless, told(needless, "no alert reads it; take it out of the list")


def test_what_needs_kube_state_metrics_says_so_and_that_it_was_not_tried() -> None:
    for alert, rule in ALERTS.items():
        said = "Needs kube-state-metrics; not tried on a cluster." in rule["annotations"]["description"]
        assert said == ("kube_" in rule["expr"]), alert


# Pages.


@pytest.mark.covers(54)
@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_its_page(alert: str) -> None:
    lines = page(alert).read_text().splitlines()
    assert lines[0] == f"# {alert}"
    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == HEADINGS
    sections = re.split(r"(?m)^## .*$", page(alert).read_text())[1:]
    assert all(len(section.strip()) > 60 for section in sections), "a heading without help under it"
    assert "```console" in sections[1], "a command with which to look"


def test_every_page_of_an_alert_is_of_one_that_exists() -> None:
    stale = {path.name for path in OPERATIONS.glob("jobs-*.md")} - {page(alert).name for alert in ALERTS}
    assert not stale, told(stale, "no alert leads here")


def test_the_index_is_that_of_the_alerts() -> None:
    rows = re.findall(r"(?m)^\| \[(\w+)\]\(([\w-]+\.md)\) \| (\w+) \| (\d+m) \| (.+) \| (.+) \|$", INDEX.read_text())
    assert [row[0] for row in rows] == list(ALERTS)
    for alert, link, severity, delay, fires, why in rows:
        rule = ALERTS[alert]
        assert (link, severity, delay) == (page(alert).name, rule["labels"]["severity"], rule["for"]), alert
        limits = set(COMPARISON.findall(rule["expr"]))
        assert set(re.findall(r"`([=<>]+ [\d.]+)`", fires)) == limits, alert
        assert len(why) > 20, alert


def commands() -> str:
    """Everything that the pages tell to type."""
    texts = [page(alert).read_text() for alert in ALERTS] + [INDEX.read_text()]
    return "\n".join(block for text in texts for block in re.findall(r"(?s)```console\n(.*?)```", text))


def test_what_the_pages_tell_to_type_is_about_objects_of_the_chart() -> None:
    objects = Chart().render("everything")
    there = {f"{one['kind'].lower()}/{one['metadata']['name'].replace(FULL, RELEASE)}" for one in objects}
    named = set(re.findall(rf"\b([a-z]+/{RELEASE}[\w-]*)", commands()))
    pods = {f"pod/{name.partition('/')[2]}-0" for name in there if name.startswith("statefulset/")}
    # What KEDA makes of a ScaledObject.
    hpas = {f"hpa/keda-hpa-{name.partition('/')[2]}" for name in there if name.startswith("scaledobject/")}
    hpas |= {f"hpa/{name.partition('/')[2]}" for name in there if name.startswith("horizontalpodautoscaler/")}
    assert len(named) >= 6
    assert not (strays := named - there - pods - hpas), told(strays, "the chart makes no such object")


def test_what_the_pages_tell_to_type_are_commands_that_there_are() -> None:
    named = set(re.findall(r"manage (\w+)", commands()))
    known = {path.stem for path in APP.glob("*/management/commands/*.py")} | {"showmigrations", "shell"}
    assert {"doctor", "smoke", "dead_letters"} <= named
    assert named <= known
    components = {"web", "worker", "beat", "relay", "redis", "postgresql"}
    assert set(re.findall(r"component=([\w-]+)", commands())) <= components
