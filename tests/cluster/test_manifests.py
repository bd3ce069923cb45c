"""What the chart renders, admitted by a real API server: defaults, webhooks and KEDA's own schemas included."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import pytest
import yaml

from deploy.kind.programs import kubectl
from devstack.errors import StackError
from tests.chart.charts import NAMESPACE, SCENARIOS, Chart, Object, Objects, Pod
from tests.cluster.kube import namespace

# Installed by nobody here: cert-manager and a Gateway's controller.
NOT_HERE = {"cert-manager.io", "gateway.networking.k8s.io"}
# Which those of the scenario `everything` name.
PRIORITIES = ("jobs", "servers")


@pytest.fixture(scope="module")
def room(cluster_is_there: None) -> Iterator[None]:
    """The namespace that the renderings are for, under restricted pod security, and the priorities that they name."""
    with namespace(NAMESPACE):
        for name in PRIORITIES:
            kubectl("create", "priorityclass", name, "--value=1000")
        yield
        kubectl("delete", "priorityclass", *PRIORITIES)


@pytest.mark.covers(71, 83)
@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_a_restricted_namespace_admits_every_object(room: None, scenario: str) -> None:
    # A node's port can be had once, and the release that is tested has it.
    objects = Chart().render(scenario, values={"web": {"service": {"nodePort": None}}})
    known = [one for one in objects if one["apiVersion"].split("/")[0] not in NOT_HERE]
    assert len(known) >= 5
    # A pod is admitted only where its account is.
    kubectl("apply", "--server-side", "--filename", "-", given=yaml.safe_dump_all(objects.all("ServiceAccount")))
    dry_run(yaml.safe_dump_all(known))
    # Deployments are admitted whatever their pods are.
    dry_run(yaml.safe_dump_all(pods_of(objects)))


@pytest.mark.covers(83)
def test_such_a_namespace_refuses_a_pod_that_may_be_root(room: None) -> None:
    [*_, pod] = pods_of(Chart().render("kind"))
    pod["spec"] = {
        key: value for key, value in pod["spec"].items() if key not in ("securityContext", "serviceAccountName")
    }
    with pytest.raises(StackError, match=r'violates PodSecurity "restricted'):
        dry_run(yaml.safe_dump(pod))


@pytest.mark.covers(72)
def test_keda_refuses_a_formula_that_names_no_trigger(room: None) -> None:
    """So that the admission above says something about ScaledObjects."""
    scaled = deepcopy(Chart().render("kind").one("ScaledObject", "worker-io"))
    scaled["spec"]["advanced"]["scalingModifiers"]["formula"] = "nothing + running"
    with pytest.raises(StackError, match="nothing"):
        dry_run(yaml.safe_dump(scaled))


def pods_of(objects: Objects) -> list[Object]:
    """A pod from each template, as its controller would make it."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**pod.metadata, "name": f"pod-{place}", "namespace": NAMESPACE},
            "spec": {**pod.spec, "restartPolicy": "Never", "volumes": [*pod.spec["volumes"], *claimed(pod)]},
        }
        for place, pod in enumerate(objects.pods())
    ]


def claimed(pod: Pod) -> list[Object]:
    """The volumes that a StatefulSet's controller adds."""
    claims = [one["metadata"]["name"] for one in pod.owner["spec"].get("volumeClaimTemplates", [])]
    return [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]


def dry_run(manifest: str) -> str:
    """What a server that changes nothing says; StackError when it refuses an object."""
    return kubectl("apply", "--server-side", "--dry-run=server", "--filename", "-", given=manifest)
