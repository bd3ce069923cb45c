"""An image that is not this project's, run by values alone; and the engine `hpa`, which needs no KEDA."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.kind.names import CHART
from deploy.kind.programs import helm
from tests.cluster.conftest import Images
from tests.cluster.kube import START, Kube, namespace
from tests.cluster.polling import wait_for
from tests.cluster.prometheus import Prometheus
from tests.cluster.timeline import Timeline

VALUES = Path(__file__).parent / "foreign" / "values.yaml"
NAMESPACE = "foreign"
# As any program would send them; the network may let a new pod through a second after its start.
SEND = """
import time, project
from kombu.exceptions import OperationalError
def send(task, **options):
    for _ in range(30):
        try:
            return task.apply_async(**options)
        except OperationalError:
            time.sleep(1)
send(project.nap, args=[10])
send(project.nap, args=[10])
send(project.burn, args=[150], queue="busy")
print("sent")
"""


@pytest.fixture(scope="module")
def foreign(images: Images) -> Iterator[Kube]:
    """The release of the foreign image."""
    repository, _, tag = images.foreign.rpartition(":")
    with namespace(NAMESPACE):
        helm("upgrade", "--install", "foreign", str(CHART), "--namespace", NAMESPACE, "--values", str(VALUES),
             "--set", f"image.repository={repository}", "--set-string", f"image.tag={tag}", "--wait", "--timeout",
             "5m")  # fmt: skip
        yield Kube(NAMESPACE, "foreign-django-celery")


@pytest.fixture(scope="module")
def run(foreign: Kube) -> Iterator[tuple[Timeline, float]]:
    """Two tasks for the set at 0 and one that needs the CPU for the other; what their sets did, and since when."""
    with Timeline(foreign).followed() as timeline:
        wait_for(lambda: foreign.replicas("slow") == 0, 90, what="the set without work is at 0")
        began = time.time()
        send(foreign)
        yield timeline, began


def send(kube: Kube) -> None:
    """Send the tasks from a pod like a worker's."""
    template = kube.deployment("worker-slow").spec.template
    container = kube.core.api_client.sanitize_for_serialization(template)["spec"]
    [main] = container["containers"]
    body = {
        "metadata": {"name": "sender", "labels": template.metadata.labels},
        "spec": {**container, "restartPolicy": "Never",
                 "containers": [{**main, "command": ["python", "-c", SEND]}]},
    }  # fmt: skip
    kube.core.create_namespaced_pod(kube.namespace, body)
    kube.wait_for_pod("sender", "Succeeded")


@pytest.mark.covers(72)
def test_its_queue_scales_from_0_to_1_and_back_to_0(
    foreign: Kube, run: tuple[Timeline, float], figures: dict[str, str]
) -> None:
    timeline, began = run
    wait_for(lambda: timeline.first_ready("slow", 1, began) is not None, START, what="a worker for its tasks")
    up = timeline.first_ready("slow", 1, began)
    wait_for(lambda: foreign.replicas("slow") == 0, 180, what="back to 0")
    figures["seconds until a foreign image's queue had a worker, and until none"] = (
        f"{up:.0f} and {time.time() - began:.0f}"
    )


@pytest.mark.covers(44)
def test_the_exporter_counts_its_tasks_and_knows_its_queues(
    foreign: Kube, run: tuple[Timeline, float], prometheus: Prometheus
) -> None:
    of = f'namespace="{NAMESPACE}",container="exporter"'
    # A new monitor reaches Prometheus as a file of a Secret, which the kubelet brings up to date every other minute.
    wait_for(lambda: prometheus.values(f"up{{{of}}} == 1"), 180, what="the exporter is a target and up",
             seen=lambda _: prometheus.targets(NAMESPACE))  # fmt: skip
    # Those tasks begin only when their set was woken, and the exporter hears by then.
    done = f'sum(celery_task_succeeded_total{{{of},name="project.nap"}}) >= 1'
    wait_for(lambda: prometheus.values(done), 120, what="a task that succeeded is counted")
    known = prometheus.series(f"celery_queue_length{{{of}}}")
    assert {one["queue_name"] for one in known} == {"slow_work", "busy"}


@pytest.mark.covers(73)
def test_the_engine_hpa_scales_on_cpu(foreign: Kube, run: tuple[Timeline, float], figures: dict[str, str]) -> None:
    timeline, began = run
    second = wait_for(lambda: timeline.first_ready("busy", 2, began), 240, what="a second ready replica")
    figures["seconds from a busy CPU to a second ready replica by the engine hpa"] = f"{second:.0f}"
