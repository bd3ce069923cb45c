"""The image's targets: built, scanned, published and signed."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from deploy.kind.names import IMAGE
from deploy.kind.programs import run
from deploy.release import versions
from devstack.console import say, step
from devstack.errors import StackError

# The Dockerfile's targets, and what the chart appends to the tag for them.
SUFFIXES = {"application": "", "flower": "-flower"}
PLATFORMS = "linux/amd64,linux/arm64"
# Seconds: the platform that is not the builder's own is emulated.
PATIENCE = 3600
# Findings that end a scan: those that a newer package would mend. The others cannot be acted on.
SCAN = ("--only-fixed", "--fail-on", "high")


def registry() -> str:
    """Where images and chart are published. StackError when nobody says so."""
    # Registries take small letters alone, and names of accounts may have others.
    if named := os.environ.get("REGISTRY", "").strip("/").lower():
        return named
    raise StackError("REGISTRY is not set; it must be a registry and a name in it, such as REGISTRY=ghcr.io/example")


def published(target: str) -> str:
    """The name under which a target of this version is published."""
    return f"{registry()}/{IMAGE}:{versions.current()}{SUFFIXES[target]}"


def local(target: str) -> str:
    """The name that the chart runs unless values say otherwise."""
    return f"{IMAGE}:{versions.current()}{SUFFIXES[target]}"


def build() -> None:
    """Build both targets for this machine, on the newest base, under the names that the chart has by default."""
    for target in SUFFIXES:
        with step(f"build {local(target)}"):
            run("docker", "build", "--pull", "--target", target, "--tag", local(target), ".", seconds=PATIENCE)


def scan() -> None:
    """Look for known vulnerabilities in what `build` made. StackError with those that a newer package would mend."""
    for target in SUFFIXES:
        with step(f"scan {local(target)}"):
            run("grype", f"docker:{local(target)}", *SCAN)


def publish() -> None:
    """Build both targets for every platform, push them with SBOM and provenance, and sign them by their digests."""
    versions.check()
    for target in SUFFIXES:
        name = published(target)
        with step(f"build and push {name}"):
            digest = build_and_push(target, name)
        with step(f"sign {digest}"):
            sign(name, digest, "--recursive")
        say(f"{name}@{digest}")


def build_and_push(target: str, name: str) -> str:
    """The digest of what was pushed."""
    commit = run("git", "rev-parse", "HEAD").strip()
    labels = {"version": versions.current(), "revision": commit}
    described = [
        word for key, value in labels.items() for word in ("--label", f"org.opencontainers.image.{key}={value}")
    ]
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "metadata.json")
        attested = ("--sbom=true", "--provenance=mode=max", "--metadata-file", str(told))
        run("docker", "buildx", "build", "--pull", "--push", "--platform", PLATFORMS, "--target", target,
            "--tag", name, *described, *attested, ".", seconds=PATIENCE)  # fmt: skip
        return str(json.loads(told.read_text())["containerimage.digest"])


def sign(name: str, digest: str, *options: str) -> None:
    """Sign without a key: the certificate names the workflow that ran. A tag could be moved, a digest cannot."""
    repository, _, _ = name.rpartition(":")
    run("cosign", "sign", "--yes", *options, f"{repository}@{digest}")
