"""What the workflow `release` runs, on a tagged checkout: with real git and Helm, and programs in the place of those
that would reach a registry, which write down how they were called.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.chart.charts import RELEASE, VERSION, tool
from tests.integration.checkout import Checkout, Done

APPLICATION, FLOWER, CHART = (f"sha256:{digit * 64}" for digit in "abc")
REGISTRY = {"REGISTRY": "ghcr.io/Example"}
HOME = "ghcr.io/example"
# Writes down its arguments, a line for each call.
RECORDER = """#!/bin/sh
echo "${0##*/} $*" >> "$(dirname "$0")/../called"
"""
DOCKER = """
case "$*" in *--target\\ flower*) digest={flower};; *) digest={application};; esac
while [ $# -gt 0 ]; do
    if [ "$1" = --metadata-file ]; then echo '{{"containerimage.digest": "'$digest'"}}' > "$2"; fi
    shift
done
"""
COSIGN = 'if [ "$1" = version ]; then echo "GitVersion:    v3.1.2"; fi\n'
HELM = """
if [ "$1" = push ]; then
    cp "$2" "$(dirname "$0")/.."
    echo "Digest: {chart}" >&2
    exit "${{PUSH_CODE:-0}}"
fi
exec {helm} "$@"
"""
# Takes the image with Flower for a vulnerable one where it is told to.
GRYPE = """
case "$*" in version) echo "Version:    0.116.0";; *-flower*) exit "${FLOWER_CODE:-0}";; esac
"""
GH = 'cat > "$(dirname "$0")/../notes"\n'


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = Checkout.make(tmp_path_factory.mktemp("publishing"))
    done = checkout.make_target("release", f"VERSION={VERSION}", "GATES=format-check")
    assert done.code == 0, done.said
    programs = {
        "docker": DOCKER.format(application=APPLICATION, flower=FLOWER),
        "cosign": COSIGN,
        "helm": HELM.format(chart=CHART, helm=Path(tool("helm")).resolve()),
        "gh": GH,
        "grype": GRYPE,
    }
    for name, script in programs.items():
        path = checkout.programs / name
        path.write_text(RECORDER + script)
        path.chmod(0o755)
    return checkout


def called(checkout: Checkout, target: str, program: str, **variables: str) -> list[str]:
    """How a program was called by a target of make that came to its end."""
    record = checkout.folder / ".local" / "called"
    record.unlink(missing_ok=True)
    done: Done = checkout.make_target(target, **variables)
    assert done.code == 0, done.said
    lines = record.read_text().splitlines()
    return [line for line in lines if line.startswith(f"{program} ") and line != f"{program} version"]


def test_both_targets_are_pushed_for_two_platforms_with_sbom_and_provenance(tagged: Checkout) -> None:
    application, flower = called(tagged, "publish-images", "docker", **REGISTRY)
    for line, target, suffix in ((application, "application", ""), (flower, "flower", "-flower")):
        assert line.startswith("docker buildx build --pull --push --platform linux/amd64,linux/arm64 ")
        assert f" --target {target} --tag {HOME}/django-celery:{VERSION}{suffix} " in line
        assert " --sbom=true --provenance=mode=max " in line
        assert f" --label org.opencontainers.image.revision={tagged.git('rev-parse', 'HEAD')} " in line


def test_what_was_pushed_is_signed_by_its_digest(tagged: Checkout) -> None:
    assert called(tagged, "publish-images", "cosign", **REGISTRY) == [
        f"cosign sign --yes --recursive {HOME}/django-celery@{APPLICATION}",
        f"cosign sign --yes --recursive {HOME}/django-celery@{FLOWER}",
    ]


def test_the_chart_is_pushed_and_signed_by_its_digest(tagged: Checkout) -> None:
    signed = called(tagged, "publish-chart", "cosign", **REGISTRY)
    assert signed == [f"cosign sign --yes {HOME}/charts/django-celery@{CHART}"]
    package, push = called(tagged, "publish-chart", "helm", **REGISTRY)[-2:]
    assert package.startswith("helm package ")
    assert re.fullmatch(rf"helm push \S+/django-celery-{VERSION}\.tgz oci://{HOME}/charts", push)


def test_the_published_chart_runs_the_published_images(tagged: Checkout) -> None:
    called(tagged, "publish-chart", "helm", **REGISTRY)
    package = tagged.folder / ".local" / f"django-celery-{VERSION}.tgz"
    rendering = ("helm", "template", RELEASE, str(package), "--kube-version", "1.35.0", "--set", "flower.enabled=true")
    done = tagged.run(*rendering)
    assert done.code == 0, done.said
    images = set(re.findall(r"image: \"?([^\s\"]*django-celery[^\s\"]*)", done.said))
    assert images == {f"{HOME}/django-celery:{VERSION}", f"{HOME}/django-celery:{VERSION}-flower"}
    assert tagged.git("status", "--porcelain") == ""


def test_a_push_that_fails_is_not_signed(tagged: Checkout) -> None:
    record = tagged.folder / ".local" / "called"
    record.unlink(missing_ok=True)
    done = tagged.make_target("publish-chart", PUSH_CODE="1", **REGISTRY)
    assert done.code != 0
    assert "cosign sign" not in record.read_text()


def test_githubs_release_has_the_versions_part_of_the_changelog(tagged: Checkout) -> None:
    [line] = called(tagged, "publish-notes", "gh")
    assert line == f"gh release create v{VERSION} --verify-tag --title {VERSION} --notes-file -"
    notes = (tagged.folder / ".local" / "notes").read_text()
    assert notes.startswith("### Added\n\n- ")
    assert notes in (tagged.folder / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("target", ["publish-images", "publish-chart"])
def test_without_a_registry_nothing_is_published(tagged: Checkout, target: str) -> None:
    done = tagged.make_target(target)
    assert done.code != 0
    assert "REGISTRY is not set; it must be a registry and a name in it, such as REGISTRY=ghcr.io/example" in done.said


@pytest.mark.parametrize("target", ["publish-images", "publish-chart", "publish-notes"])
def test_a_commit_without_its_tag_is_not_published(tagged: Checkout, tmp_path: Path, target: str) -> None:
    copy = Checkout(tmp_path / "checkout")
    shutil.copytree(tagged.folder, copy.folder, symlinks=True)
    copy.git("commit", "--quiet", "--allow-empty", "--message", "After it")
    record = copy.folder / ".local" / "called"
    record.unlink(missing_ok=True)
    done = copy.make_target(target, **REGISTRY)
    assert done.code != 0
    assert f"the tags of this commit are none; of {VERSION} it must have v{VERSION}" in done.said
    assert not record.exists() or set(record.read_text().splitlines()) <= {"cosign version", "helm version --short"}


def test_an_image_is_built_under_the_names_that_the_chart_runs(tagged: Checkout) -> None:
    lines = called(tagged, "image", "docker")
    assert lines == [
        f"docker build --pull --target application --tag django-celery:{VERSION} .",
        f"docker build --pull --target flower --tag django-celery:{VERSION}-flower .",
    ]


def test_both_images_are_scanned_and_a_finding_that_can_be_mended_ends_it(tagged: Checkout) -> None:
    assert called(tagged, "image-scan", "grype") == [
        f"grype docker:django-celery:{VERSION} --only-fixed --fail-on high",
        f"grype docker:django-celery:{VERSION}-flower --only-fixed --fail-on high",
    ]
    found = tagged.make_target("image-scan", FLOWER_CODE="2")
    assert found.code != 0
    assert (
        f"`grype docker:django-celery:{VERSION}-flower --only-fixed --fail-on high` ended with exit code 2"
        in found.said
    )
