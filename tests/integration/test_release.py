"""`make release` for real, in a checkout of its own: all but pushing, and no trace when something is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.charts import RELEASE, VERSION
from tests.integration.checkout import Checkout, Done

FRAGMENT = "changelog/+colder.changed.md"
# The checkout that a release is made of is already at VERSION.
NEXT = f"{VERSION.split('.')[0]}.{int(VERSION.split('.')[1]) + 1}.0"
# A cheap one: that the gates pass is not what is tried here.
GATES = "GATES=lint"


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which a release was made, and a fragment for it."""
    checkout = Checkout.make(tmp_path_factory.mktemp("release"))
    checkout.write(FRAGMENT, "Water is colder.\n")
    checkout.commit("Water is colder")
    done = checkout.make_target("release", f"VERSION={NEXT}", GATES)
    assert done.code == 0, done.said
    checkout.write(".local/said", done.said)
    return checkout


@pytest.fixture
def ready(tmp_path: Path) -> Checkout:
    """A checkout in which a release could be made."""
    checkout = Checkout.make(tmp_path)
    checkout.write(FRAGMENT, "Water is colder.\n")
    checkout.commit("Water is colder")
    return checkout


def state(checkout: Checkout) -> tuple[str, ...]:
    return checkout.git("rev-parse", "HEAD"), checkout.git("tag"), checkout.git("status", "--porcelain")


def test_a_release_is_one_commit_and_its_tag(released: Checkout) -> None:
    assert released.git("log", "-1", "--format=%s") == f"Version {NEXT}"
    assert released.git("cat-file", "-t", f"v{NEXT}") == "tag"
    assert released.git("rev-parse", f"v{NEXT}^{{commit}}") == released.git("rev-parse", "HEAD")
    assert released.git("status", "--porcelain") == ""
    changed = dict(line.split("\t")[::-1] for line in released.git("show", "--format=", "--name-status").splitlines())
    fragments = {path: kind for path, kind in changed.items() if path.startswith("changelog/")}
    assert fragments[FRAGMENT] == "D"
    assert set(fragments.values()) == {"D"}
    assert {path: kind for path, kind in changed.items() if path not in fragments} == {
        "CHANGELOG.md": "M",
        "deploy/helm/django-celery/Chart.yaml": "M",
        "pyproject.toml": "M",
        "uv.lock": "M",
        **dict.fromkeys(spelling_it(released, VERSION, "HEAD~1"), "M"),
    }


def test_what_is_rendered_for_kustomize_has_the_version(released: Checkout) -> None:
    before = spelling_it(released, VERSION, "HEAD~1")
    folders = {path.split("/")[2] for path in before}
    assert folders == {"base", "components", "overlays"}
    assert spelling_it(released, NEXT, "HEAD") == before
    with pytest.raises(AssertionError):
        spelling_it(released, VERSION, "HEAD")


def spelling_it(checkout: Checkout, version: str, commit: str) -> set[str]:
    """The files of Kustomize that have a version in a label, an image or a tag. AssertionError where there are none."""
    pattern = rf"(version: |django-celery:|newTag: )\"?{re.escape(version)}\b"
    lines = checkout.git("grep", "--extended-regexp", "--name-only", pattern, commit, "--", "deploy/kustomize")
    return {line.removeprefix(f"{commit}:") for line in lines.splitlines()}


def test_image_chart_and_lock_get_the_version(released: Checkout) -> None:
    project = tomllib.loads((released.folder / "pyproject.toml").read_text())["project"]
    lock = tomllib.loads((released.folder / "uv.lock").read_text())
    chart = yaml.safe_load((released.folder / "deploy/helm/django-celery/Chart.yaml").read_text())
    [ours] = [package for package in lock["package"] if package["name"] == project["name"]]
    assert {project["version"], ours["version"], chart["version"], chart["appVersion"]} == {NEXT}
    others = [len(package) for package in lock["package"] if package.get("version") == NEXT]
    before = tomllib.loads(released.git("show", "HEAD~1:uv.lock"))
    assert len(others) == 1 + len([1 for package in before["package"] if package.get("version") == NEXT])


def test_the_fragments_become_the_changelogs_newest_part(released: Checkout) -> None:
    changelog = (released.folder / "CHANGELOG.md").read_text()
    first, *_ = re.findall(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", changelog, re.MULTILINE)
    assert first == NEXT
    # Beside what else has changed.
    [changed] = re.findall(r"^### Changed\n\n((?:- .+\n)+)", changelog, re.MULTILINE)
    assert "- Water is colder." in changed.splitlines()
    assert changelog.index("# Changelog") < changelog.index(NEXT)


def test_the_chart_is_packaged_and_runs_the_image_of_its_version(released: Checkout) -> None:
    [package] = (released.folder / ".local" / "release").iterdir()
    assert package.name == f"django-celery-{NEXT}.tgz"
    done = released.run("helm", "template", RELEASE, str(package), "--kube-version", "1.35.0")
    images = set(re.findall(r"image: \"?(django-celery[^\s\"]+)", done.said))
    assert images == {f"django-celery:{NEXT}"}


def test_nothing_is_pushed_and_what_to_push_is_said(released: Checkout) -> None:
    assert released.git("ls-remote", "--tags", "origin") == ""
    assert released.git("rev-parse", "origin/main") == released.git("rev-parse", "HEAD~2")
    assert f"git push --atomic origin main v{NEXT}" in (released.folder / ".local" / "said").read_text()


def test_the_tagged_commit_may_be_published(released: Checkout, ready: Checkout) -> None:
    assert released.make_target("publish-check").code == 0
    refused = ready.make_target("publish-check")
    assert refused.code != 0
    assert f"the tags of this commit are none; of {VERSION} it must have v{VERSION}" in refused.said


@pytest.mark.parametrize("text", ["", "1.2", "v0.2.0", "0.2.0-rc.1", "0.02.0"])
def test_what_is_no_version_is_refused(released: Checkout, text: str) -> None:
    before = state(released)
    done = released.make_target("release", f"VERSION={text}")
    assert done.code != 0
    assert f"VERSION is '{text}'; it must be three numbers, such as make release VERSION=0.2.0" in done.said
    assert state(released) == before


def other_version(text: str) -> Callable[[Checkout], dict[str, str]]:
    return lambda _: {"VERSION": text}


def released_before(checkout: Checkout) -> dict[str, str]:
    checkout.git("tag", "v99.1.0")
    return {"VERSION": "99.1.0"}


def not_committed(checkout: Checkout) -> dict[str, str]:
    checkout.write("README.md", "other\n")
    return {}


def nothing_to_tell(checkout: Checkout) -> dict[str, str]:
    for path in (checkout.folder / "changelog").glob("+*.md"):
        path.unlink()
    checkout.commit("Nothing to tell")
    return {}


def a_gate_that_fails(checkout: Checkout) -> dict[str, str]:
    path = "app/jobs/ids.py"
    checkout.write(path, (checkout.folder / path).read_text() + "import os\n")
    checkout.commit("A fault")
    return {}


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (other_version("0.0.1"), f"VERSION is 0.0.1, and this checkout is {VERSION}; it must not be smaller"),
        (released_before, "VERSION is 99.1.0, and 99.1.0 was released; it must be larger"),
        (not_committed, "the tree must be clean, and is not; commit or remove\n M README.md"),
        (nothing_to_tell, "changelog/ has no fragment"),
        (a_gate_that_fails, "`make lint` ended with exit code 2"),
    ],
)
def test_what_is_wrong_is_said_and_leaves_no_trace(
    ready: Checkout, spoil: Callable[[Checkout], Any], told: str
) -> None:
    given = {"VERSION": NEXT, **spoil(ready)}
    before = state(ready)
    done = ready.make_target("release", f"VERSION={given['VERSION']}", GATES)
    assert done.code != 0
    assert told in done.said
    assert state(ready) == before


EARLIER = "from tests.compat.versions import earlier_version; print(earlier_version())"


def earlier_version(folder: Path, checkout: Checkout) -> Done:
    """What the tests of two versions take for the earlier one in a checkout, or why they cannot."""
    return Checkout(folder).run(str(checkout.folder / ".venv" / "bin" / "python"), "-c", EARLIER)


def test_the_earlier_version_is_the_newest_release_before_this_commit(released: Checkout, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    released.git("clone", "--quiet", str(released.folder), str(copy))
    first = released.git("rev-list", "--max-parents=0", "HEAD")
    assert earlier_version(copy, released) == Done(0, first), "a release is not the one before itself"
    Checkout(copy).git("commit", "--quiet", "--allow-empty", "--message", "After it")
    assert earlier_version(copy, released) == Done(0, f"v{NEXT}")


def test_in_a_shallow_clone_nobody_guesses_the_earlier_version(released: Checkout, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    released.git("clone", "--quiet", "--depth", "1", f"file://{released.folder}", str(copy))
    asked = earlier_version(copy, released)
    assert asked.code != 0
    assert "get it with `git fetch --unshallow --tags`" in asked.said


def test_a_change_without_a_fragment_of_the_changelog_is_found(ready: Checkout) -> None:
    assert ready.make_target("changelog").code == 0
    ready.git("rm", "--quiet", FRAGMENT)
    ready.write("README.md", "other\n")
    ready.commit("Nothing is told")
    assert ready.make_target("changelog").code != 0
