"""The chart as it is published: it runs the published images unless values say otherwise."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from deploy.kind.names import CHART, IMAGE
from deploy.kind.programs import run
from deploy.release import images, versions
from deploy.release.make import FOLDER, package_chart
from devstack.console import say, step
from devstack.errors import StackError


def publish() -> None:
    """Package the chart with the published image's name, push it as an OCI artifact, and sign it."""
    versions.check()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, CHART.name)
        shutil.copytree(CHART, copy)
        values = copy / "values.yaml"
        values.write_text(with_repository(values.read_text(), f"{images.registry()}/{IMAGE}"))
        package = package_chart(copy, FOLDER)
    home = f"{images.registry()}/charts"
    with step(f"push {package.name} to {home}"):
        digest = push(package, home)
    with step(f"sign {digest}"):
        images.sign(f"{home}/{CHART.name}:{versions.current()}", digest)
    say(f"oci://{home}/{CHART.name}@{digest}")


def with_repository(values: str, repository: str) -> str:
    """The chart's values with another default for the image. By its tag, so that another tag is one value away.

    Raises StackError when values.yaml has another form than is looked for.
    """
    line = "  repository: {}\n"
    if values.count(line.format(IMAGE)) != 1:
        raise StackError(
            f"values.yaml must have one line {line.format(IMAGE)!r}, which deploy/release/chart.py changes"
        )
    return values.replace(line.format(IMAGE), line.format(repository))


def push(package: Path, home: str) -> str:
    """The digest under which the registry has it."""
    # Helm tells it on either stream, by its version.
    told = run("sh", "-c", 'helm push "$0" "$1" 2>&1', str(package), f"oci://{home}")
    if found := re.search(r"^Digest:\s*(sha256:[0-9a-f]{64})$", told, re.MULTILINE):
        return found.group(1)
    raise StackError(f"helm push told no digest of {package.name}:\n{told}")
