"""Prometheus reads every pod and answers every dashboard; alerts fire at a fault and stop when it is mended."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from config.queues import Queue
from deploy.dashboards.panels import FOLDER
from deploy.kind import token
from deploy.kind.names import NAMESPACE, URL
from tests.cluster.alerts import BEAT_SILENT, DEAD_LETTERS_GROW, NO_CONSUMER, written
from tests.cluster.conftest import Images
from tests.cluster.kube import Kube
from tests.cluster.polling import wait_for
from tests.cluster.prometheus import Prometheus
from tests.cluster.stack import Stack, new_batch

WITH_METRICS = ("web", "worker", "beat", "relay")
# Seconds until a new pod is among the targets and was read.
FOUND = 45
# What Grafana fills in.
FILLED = {"$__rate_interval": "5m", "$namespace": NAMESPACE, "$queue": "default"}
# Nobody installs it here: what needs it is written, checked and not proven live.
KUBE_STATE = re.compile(r"\bkube_\w+")
# Seconds within which an alert fires, and stops firing.
FIRES, STOPS = 180, 180
# How many make the alert.
DEAD_LETTERS = 5
METRIC = re.compile(r"\b[a-z_]+(?=\{)")
FETCH = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=10).status)"
# As a producer would that is ahead of the workers, or not ours.
SEND = """
from config.celery import app
from probe.tasks import plain
for _ in range(5):
    plain.delay()
    app.send_task("probe.nobody_knows_this", queue="default")
"""


@dataclass(frozen=True)
class Ask:
    """A query of a dashboard's panel."""

    place: str
    expr: str

    @property
    def metrics(self) -> set[str]:
        return set(METRIC.findall(self.expr))


def asked() -> list[Ask]:
    """Every query of every dashboard that can be answered here."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                expr = target["expr"]
                for variable, value in FILLED.items():
                    expr = expr.replace(variable, value)
                if not KUBE_STATE.search(expr):
                    found.append(Ask(f"{path.stem}: {panel['title']}: {target['refId']}", expr))
    return found


def bare(metric: str) -> str:
    """Its name as Prometheus' metadata has it, see Prometheus.metrics."""
    return re.sub(r"_(total|bucket|sum|count|info)$", "", metric)


@pytest.fixture(scope="module")
def loaded(stack: Stack, prometheus: Prometheus) -> Iterator[Stack]:
    """Work on every queue, a job that fails until it is dead, one that takes all memory, plain tasks, and strangers."""
    for queue in Queue:
        stack.submit(queue, 6, seconds=3)
    batch = new_batch("trouble")
    for job_type in ("probe.fail", "probe.eat"):
        stack.api.submit(job_type, {"batch": batch})
    stack.kube.manage("shell", "--command", SEND)
    wait_for(lambda: [job["state"] for job in stack.jobs(batch)] == ["dead", "dead"], 120, what="both are dead",
             seen=lambda _: stack.jobs(batch))  # fmt: skip
    yield stack
    discard_dead_letters()


def discard_dead_letters() -> None:
    """As an operator does who has seen to them."""
    headers = {"Authorization": f"Bearer {token.FILE.read_text().strip()}"}
    with httpx.Client(base_url=f"{URL}/api/v1", headers=headers, timeout=30, trust_env=False) as api:
        for kind in api.get("/dead-letters").raise_for_status().json()["items"]:
            api.post(f"/dead-letters/{kind['fingerprint']}/discard").raise_for_status()
        assert api.get("/dead-letters").json()["items"] == []


def unanswered(prometheus: Prometheus, asks: list[Ask]) -> list[Ask]:
    return [ask for ask in asks if not prometheus.query(ask.expr)]


@pytest.mark.covers(44)
def test_every_pod_with_metrics_is_a_target_and_up(stack: Stack, kube: Kube, prometheus: Prometheus) -> None:
    def missing() -> dict[str, str]:
        seen = {one["labels"]["pod"]: one["lastError"] or one["health"] for one in prometheus.targets(NAMESPACE)}
        pods = [pod.metadata.name for component in WITH_METRICS for pod in kube.pods(component)]
        assert len(pods) >= 5
        return {name: seen.get(name, "no target") for name in pods if seen.get(name) != "up"}

    wait_for(lambda: not missing(), 2 * FOUND, what="every pod is a target and up", seen=lambda _: missing())


@pytest.mark.covers(44, 78)
def test_nobody_else_reaches_a_workers_metrics(kube: Kube, images: Images) -> None:
    [worker] = kube.ready("worker", "critical")
    [port] = {port.container_port for port in worker.spec.containers[0].ports if port.name == "metrics"}
    own = kube.try_exec(worker.metadata.name, "python", "-c", FETCH, f"http://127.0.0.1:{port}/metrics")
    assert own.printed == "200", own
    with kube.visitor(images.one, {"app": "stranger"}) as stranger:
        other = kube.try_exec(stranger, "python", "-c", FETCH, f"http://{worker.status.pod_ip}:{port}/metrics")
    assert other.code != 0, other


def test_keda_tells_what_it_counts_by_the_releases_namespace(stack: Stack, prometheus: Prometheus) -> None:
    parts = {"keda-operator": "up", "keda-metrics-apiserver": "up"}

    def targets() -> dict[str, str]:
        return {one["labels"]["container"]: one["health"] for one in prometheus.targets("keda")}

    wait_for(lambda: targets() == parts, FOUND, what="both parts of KEDA are up", seen=lambda _: targets())
    of = f'keda_scaler_metrics_value{{namespace="{NAMESPACE}",scaler="composite-metric"}}'
    wait_for(lambda: len(prometheus.query(of)) >= len(Queue), FOUND + 30, what="KEDA counts every queue",
             seen=lambda _: prometheus.series("keda_scaler_metrics_value"))  # fmt: skip


@pytest.mark.covers(44)
def test_every_query_of_a_dashboard_returns_series(
    loaded: Stack, prometheus: Prometheus, figures: dict[str, str]
) -> None:
    asks = asked()
    assert len(asks) >= 60
    left = list(asks)

    def all_answered() -> bool:
        left[:] = unanswered(prometheus, left)
        return not left

    wait_for(all_answered, 120, what="every query of a dashboard returns series", seen=lambda _: left)
    known = prometheus.metrics()
    unknown = {metric for ask in asks for metric in ask.metrics if bare(metric) not in known}
    assert not unknown, "asked for and described by no target"
    figures["queries of dashboards that were answered"] = str(len(asks))


@pytest.mark.covers(44)
def test_every_alert_is_evaluated_without_an_error(loaded: Stack, prometheus: Prometheus) -> None:
    names = sorted(alert["alert"] for alert in written())
    assert len(names) >= 15

    def faults() -> dict[str, str]:
        seen = {rule["name"]: rule.get("lastError") or rule["health"] for rule in prometheus.alerts(NAMESPACE)}
        return {name: seen.get(name, "not there") for name in names if seen.get(name) != "ok"}

    wait_for(lambda: not faults(), 60, what="every alert is evaluated", seen=lambda _: faults())


@pytest.mark.covers(44)
def test_every_metric_that_an_alert_reads_is_there(loaded: Stack, prometheus: Prometheus) -> None:
    read = {metric for alert in written() for metric in METRIC.findall(alert["expr"])}
    known = prometheus.metrics() | {"up"}
    unknown = {metric for metric in read if not KUBE_STATE.match(metric) and bare(metric) not in known}
    assert not unknown, "read by an alert and described by no target"


# Faults. Each alert's `for` is shortened by tests/cluster/values.yaml; the windows in its expression are as they are.


@dataclass(frozen=True)
class Broken:
    """Nobody takes from `heavy`, where a batch waits; Beat is gone; and jobs of another batch are dead letters."""

    waiting: str
    dead: str


@pytest.fixture(scope="module")
def broken(loaded: Stack, prometheus: Prometheus) -> Iterator[Broken]:
    """Three faults at one moment: their alerts are waited for side by side."""
    kube = loaded.kube
    loaded.settle("heavy")
    firing = prometheus.firing(NAMESPACE)
    assert NO_CONSUMER not in firing, "a set at 0 without work is well"
    assert BEAT_SILENT not in firing
    try:
        pause(kube, "heavy")
        kube.scale("beat", 0)
        batches = Broken(loaded.submit("heavy", 2), new_batch("dead"))
        for _ in range(DEAD_LETTERS):
            loaded.api.submit("probe.fail", {"batch": batches.dead})
        yield batches
    finally:
        mend(kube)


def scaled_object(kube: Kube, worker_set: str) -> str:
    return f"scaledobject/{kube.full}-worker-{worker_set}"


def pause(kube: Kube, worker_set: str) -> None:
    """Pause its scaling at no replica, as an operator does who then forgets it."""
    name = scaled_object(kube, worker_set)
    kube.kubectl("annotate", name, "autoscaling.keda.sh/paused-replicas=0", "--overwrite")
    kube.kubectl("wait", name, "--for=condition=Paused", "--timeout=60s")
    wait_for(lambda: not kube.pods("worker", worker_set), 120, what=f"{worker_set} has no replica")


def mend(kube: Kube) -> None:
    """Let `heavy` scale again, and bring Beat back. Twice does no harm."""
    kube.kubectl("annotate", scaled_object(kube, "heavy"), "autoscaling.keda.sh/paused-replicas-")
    kube.scale("beat", 1)


@pytest.mark.covers(44, 116)
def test_work_that_nobody_takes_raises_an_alert(broken: Broken, prometheus: Prometheus) -> None:
    prometheus.wait_firing(NAMESPACE, NO_CONSUMER, FIRES, queue="heavy")


@pytest.mark.covers(29, 44)
def test_a_beat_that_is_gone_raises_an_alert(broken: Broken, prometheus: Prometheus) -> None:
    prometheus.wait_firing(NAMESPACE, BEAT_SILENT, FIRES)


@pytest.mark.covers(44)
def test_dead_letters_raise_an_alert(broken: Broken, prometheus: Prometheus) -> None:
    prometheus.wait_firing(NAMESPACE, DEAD_LETTERS_GROW, FIRES)


@pytest.mark.covers(29, 44, 116)
def test_alerts_stop_when_somebody_has_seen_to_their_faults(
    stack: Stack, broken: Broken, prometheus: Prometheus
) -> None:
    mend(stack.kube)
    wait_for(lambda: {job["state"] for job in stack.jobs(broken.dead)} == {"dead"}, 120, what="all are dead")
    discard_dead_letters()
    stack.wait_ended(broken.waiting, 2, within=120)
    wait_for(lambda: stack.kube.ready("beat"), 120, what="Beat is ready")
    for alert in (NO_CONSUMER, BEAT_SILENT, DEAD_LETTERS_GROW):
        prometheus.wait_silent(NAMESPACE, alert, STOPS)
