"""Whether scaling works: for each queue its backlog, what runs, and the replicas that are wanted and there."""

from __future__ import annotations

from config.queues import Queue
from deploy.dashboards.panels import Dashboard, Panel, Row, of, of_keda

NEEDS = "Needs kube-state-metrics: empty without it. "


def dashboard() -> Dashboard:
    return Dashboard(
        uid="jobs-scaling",
        title="Background jobs: scaling",
        about="Backlog, running work and replicas by queue; the numbers are KEDA's and the release's own.",
        rows=[scaler(), *(of_queue(queue) for queue in Queue)],
    )


def scaler() -> Row:
    every = 'scaledObject=~".*-worker-.*"'
    errors = f"sum by (scaledObject) {of_keda('keda_scaler_detail_errors_total', every, 'rate({}[$__rate_interval])')}"
    latency = f"max by (scaledObject) ({of_keda('keda_scaler_metrics_latency_seconds', every)})"
    paused = f"max by (scaledObject) ({of_keda('keda_scaled_object_paused', every)})"
    return Row("KEDA", [
        Panel(title="Looks at Redis that failed", asks={"{{scaledObject}}": errors}, unit="ops",
              about="While they fail nobody is sent home, and a set at 0 is not woken."),
        Panel(title="Time of a look at Redis", asks={"{{scaledObject}}": latency}, unit="s"),
        Panel(title="Paused", asks={"{{scaledObject}}": paused}, about="1: somebody paused its scaling."),
    ])  # fmt: skip


def of_queue(queue: Queue) -> Row:
    mine, scaled = f'queue="{queue}"', f'scaledObject=~".*-worker-{queue}"'
    work = {
        "waiting": f"max({of('jobs_queue_ready', mine)})",
        "running": f"max({of('jobs_queue_in_flight', mine)})",
    }
    wish = of_keda("keda_scaler_metrics_value", f'{scaled},scaler="composite-metric"')
    replicas = {
        "wanted": f"ceil(max({wish}))",
        "there": f"count({of('jobs_worker_slots', mine)}) or vector(0)",
    }
    hpa = of("kube_horizontalpodautoscaler_status_desired_replicas", f'horizontalpodautoscaler=~".*-worker-{queue}"')
    most = of("kube_horizontalpodautoscaler_spec_max_replicas", f'horizontalpodautoscaler=~".*-worker-{queue}"')
    ready = of("kube_deployment_status_replicas_ready", f'deployment=~".*-worker-{queue}"')
    return Row(str(queue), [
        Panel(title=f"{queue}: work", asks=work, stacked=True,
              about="Messages that wait, and those that a worker has taken: what KEDA counts."),
        Panel(title=f"{queue}: replicas wanted and there", asks=replicas,
              about="wanted: KEDA's formula, before minimum, maximum and the pace of scaling in. "
              "there: pods whose metrics are read, those that drain included."),
        Panel(title=f"{queue}: the autoscaler's view", asks={"desired": hpa, "most": most, "ready": ready},
              about=f"{NEEDS}What the HorizontalPodAutoscaler asks for, what it may ask for, and what is ready."),
    ])  # fmt: skip
