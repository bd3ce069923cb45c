"""The chart on the cluster."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.kind import monitoring
from deploy.kind.names import CHART, NAMESPACE, RELEASE, VALUES
from deploy.kind.programs import helm

PATIENCE = "10m"
IN = ("--namespace", NAMESPACE)


def install(image: str, *values: Path, wait: bool = True) -> None:
    """Install the chart with an image, or bring the release to it; wait until all is ready, or do not."""
    put(RELEASE, NAMESPACE, image, VALUES, *monitoring.values(), *values, wait=wait)


def put(release: str, namespace: str, image: str, *values: Path, chart: Path = CHART, wait: bool = True) -> None:
    """Install a chart with an image and values, or bring a release to them; wait until all is ready, or do not."""
    repository, _, tag = image.rpartition(":")
    files = [word for path in values for word in ("--values", str(path))]
    image_is = ("--set", f"image.repository={repository}", "--set-string", f"image.tag={tag}")
    where = ("--namespace", namespace)
    patience = ("--wait", "--timeout", PATIENCE) if wait else ()
    helm("upgrade", "--install", release, str(chart), *where, *files, *image_is, *patience)


def revision() -> int:
    """The number of what is installed now. StackError when nothing is."""
    history = json.loads(helm("history", RELEASE, *IN, "--output", "json"))
    return max(int(one["revision"]) for one in history)


def roll_back(to: int) -> None:
    """Go back to what a revision was; wait until every pod is ready."""
    helm("rollback", RELEASE, str(to), *IN, "--wait", "--timeout", PATIENCE)


def test() -> list[str]:
    """`helm test`: a line for each queue. StackError with them when a canary did not come back."""
    printed = helm("test", RELEASE, *IN, "--logs", "--timeout", "5m")
    _, _, log = printed.partition("POD LOGS:")
    return [line for line in log.splitlines()[1:] if line.strip()]
