"""What a probe costs, against what people ask of Celery for the same."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Sequence

import pytest
import yaml

from deploy.kustomize.render import HERE
from devstack.processes import Process
from tests.integration.conftest import Stack

PROBES = 20


def probe() -> list[str]:
    """The liveness probe of a worker, as rendered from the chart."""
    documents = yaml.safe_load_all((HERE / "base" / "workers.yaml").read_text())
    pod = next(one for one in documents if one["kind"] == "Deployment")["spec"]["template"]["spec"]
    [command] = [one["livenessProbe"]["exec"]["command"] for one in pod["containers"] if one["name"] == "worker"]
    return list(command)


def cpu_seconds(command: Sequence[str], worker: Process, times: int = 1) -> float:
    """CPU that the command takes, once, in the worker's environment. It must succeed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(times):
        done = subprocess.run(command, env=worker.environment, cwd=worker.folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) / times


@pytest.mark.covers(29)
def test_a_probe_takes_a_hundredth_of_the_cpu_of_inspect_ping(stack: Stack) -> None:
    worker = stack.worker()
    looked = cpu_seconds(probe(), worker, PROBES)
    asked = cpu_seconds([sys.executable, "-m", "celery", "--app=config", "inspect", "ping", "--timeout=20"], worker)
    assert looked * 100 <= asked, f"the probe took {looked * 1000:.1f} ms, inspect ping {asked * 1000:.0f} ms"
