"""`up`: from nothing to a stack that works. `down`: back to nothing."""

from __future__ import annotations

import time

from deploy.kind import cluster, monitoring, programs, release, token
from deploy.kind.names import (
    CLUSTER,
    CONTEXT,
    KEDA_MANIFEST,
    METRICS_SERVER_MANIFEST,
    MONITORING,
    NAMESPACE,
    PROMETHEUS_OPERATOR_MANIFEST,
    URL,
)
from devstack.console import say, step

REPORT = '{"type": "reports.airports_per_state", "payload": {}}'


def up() -> int:
    """Make the cluster with the whole stack on it, or bring the one that there is up to date."""
    started = time.monotonic()
    programs.check()
    with step(f"cluster {CLUSTER}"):
        cluster.create()
    with step("build the image"):
        image = cluster.build()
    with step(f"load {image} into the cluster"):
        cluster.load(image)
    with step("metrics-server"):
        cluster.install_metrics_server(METRICS_SERVER_MANIFEST)
    with step("KEDA"):
        cluster.install_keda(KEDA_MANIFEST)
    if MONITORING:
        with step("Prometheus operator"):
            monitoring.install_operator(PROMETHEUS_OPERATOR_MANIFEST)
        with step("Prometheus"):
            monitoring.install_prometheus()
    with step("install the chart and wait for its pods"):
        cluster.make_namespace()
        release.install(image)
    with step("helm test: a canary through every queue"):
        findings = release.test()
    for finding in findings:
        say(f"  {finding}")
    with step("API token"):
        current = token.current()
    _welcome(current, time.monotonic() - started)
    return 0


def down() -> int:
    """Delete the cluster with all that is in it."""
    programs.check()
    with step(f"delete the cluster {CLUSTER}"):
        cluster.delete()
        token.FILE.unlink(missing_ok=True)
    return 0


def _welcome(current: str, seconds: float) -> None:
    say(f"\nAll in {seconds:.0f} s. The stack runs at {URL}\ntoken {current}\n\nNext: submit a job,")
    say(f"  curl -H 'Authorization: Bearer {current}' -H 'Content-Type: application/json' \\")
    say(f"    -d '{REPORT}' {URL}/api/v1/jobs")
    say("see what runs,")
    say(f"  kubectl --context {CONTEXT} --namespace {NAMESPACE} get pods,scaledobjects,hpa")
    say("and watch a queue scale from nothing and back:")
    say("  make kind-load")
    if monitoring.is_there():
        where = f"--context {CONTEXT} --namespace {monitoring.NAMESPACE}"
        say("Prometheus, at http://localhost:9090 for as long as this runs:")
        say(f"  kubectl {where} port-forward service/{monitoring.SERVICE} {monitoring.PORT}")
    say("")
