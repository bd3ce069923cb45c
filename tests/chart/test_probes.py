"""Probes: cheap, truthful, and run here against real files."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.chart.charts import Chart

# Component, worker set, and the file that its process keeps fresh.
PROCESSES = [
    ("worker", "default", "worker"),
    ("worker", "io", "worker"),
    ("beat", None, "beat"),
    ("relay", None, "relay"),
]


def run(probe: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a probe's command as the kubelet does, on a folder of ours."""
    return subprocess.run(
        probe["exec"]["command"],
        env={"PATH": os.environ["PATH"], "HEALTH_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def touch(file: Path, age: float) -> None:
    file.touch()
    os.utime(file, (time.time() - age, time.time() - age))


@pytest.mark.covers(29, 75)
def test_a_process_that_gave_no_sign_for_a_minute_is_not_alive(chart: Chart, tmp_path: Path) -> None:
    for component, worker_set, name in PROCESSES:
        probe = chart.render().pod(component, worker_set).main["livenessProbe"]
        for age, expected in [(0, 0), (50, 0), (65, 1), (3600, 1)]:
            touch(tmp_path / name, age)
            assert run(probe, tmp_path).returncode == expected, f"{component} after {age} s"
        (tmp_path / name).unlink()
        silent = run(probe, tmp_path)
        assert (silent.returncode, silent.stdout) == (1, "no sign of life for a minute\n")


def test_a_worker_says_what_is_wrong_with_it(chart: Chart, tmp_path: Path) -> None:
    (tmp_path / "fault").write_text("for 61 s: the event loop does not turn\n")
    done = run(chart.render().pod("worker", "io").main["livenessProbe"], tmp_path)
    assert (done.returncode, done.stdout) == (1, "for 61 s: the event loop does not turn\n")


def test_a_start_is_over_with_the_first_sign(chart: Chart, tmp_path: Path) -> None:
    for component, worker_set, name in PROCESSES:
        probe = chart.render().pod(component, worker_set).main["startupProbe"]
        assert run(probe, tmp_path).returncode == 1
        touch(tmp_path / name, 0)
        assert run(probe, tmp_path).returncode == 0
        (tmp_path / name).unlink()


def test_a_worker_is_ready_when_it_takes_messages(chart: Chart, tmp_path: Path) -> None:
    probe = chart.render().pod("worker", "io").main["readinessProbe"]
    assert run(probe, tmp_path).returncode == 1
    (tmp_path / "ready").touch()
    assert run(probe, tmp_path).returncode == 0


@pytest.mark.covers(75)
def test_a_frozen_process_is_replaced_within_two_minutes(chart: Chart) -> None:
    for component, worker_set, _ in PROCESSES:
        probe = chart.render().pod(component, worker_set).main["livenessProbe"]
        looks = probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]
        # Its file is trusted for 60 s, and it answers no TERM.
        assert 60 + looks + probe["terminationGracePeriodSeconds"] <= 120, component


def test_a_crowded_node_gets_time_to_start(chart: Chart) -> None:
    for component, worker_set, _ in PROCESSES:
        probe = chart.render().pod(component, worker_set).main["startupProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 120


def test_processes_have_a_folder_in_memory_for_their_files(chart: Chart) -> None:
    for component, worker_set, _ in PROCESSES:
        pod = chart.render().pod(component, worker_set)
        assert pod.env["HEALTH_DIR"] == "/run/health"
        assert {"name": "health", "mountPath": "/run/health"} in pod.main["volumeMounts"]
        (volume,) = [one for one in pod.spec["volumes"] if one["name"] == "health"]
        assert volume["emptyDir"]["medium"] == "Memory"


@pytest.mark.covers(29)
def test_no_probe_asks_celery_or_the_broker(chart: Chart) -> None:
    for pod in chart.render("everything").application_pods():
        for kind in ("startup", "readiness", "liveness"):
            words = str(pod.main.get(f"{kind}Probe"))
            assert not any(word in words for word in ("celery", "inspect", "python", "redis")), pod.name


def test_servers_get_ten_minutes_to_read_their_data(chart: Chart) -> None:
    for server in ("redis", "postgresql"):
        main = chart.render().pod(server).main
        assert main["startupProbe"]["periodSeconds"] * main["startupProbe"]["failureThreshold"] >= 600
        assert {"readinessProbe", "livenessProbe"} <= main.keys()


def test_probes_can_be_left_out(chart: Chart) -> None:
    values = {name: {"probes": {"enabled": False}} for name in ("web", "celery", "beat", "relay")}
    for pod in chart.render(values=values).application_pods():
        assert not [key for key in pod.main if key.endswith("Probe")], pod.name
