"""A version of this checkout: everything but pushing it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from deploy.kind.names import CHART, ROOT
from deploy.kind.programs import run
from deploy.release.notes import FRAGMENTS, fragments
from deploy.release.versions import Version, current, released, write
from devstack.console import say, step
from devstack.errors import StackError

# Targets of make that write anew what depends on the version, each after what it reads.
GENERATORS = ("docs", "kustomize")
# Where packages are left.
FOLDER = ROOT / ".local" / "release"
# Seconds that a gate may take.
PATIENCE = 3600


def make(text: str, gates: list[str]) -> None:
    """Set the version, build the changelog, check, package the chart, commit and tag. What fails leaves no trace."""
    version = Version.parse(text)
    check_order(version)
    check_tree()
    with put_back_on_failure():
        with step(f"version {version} in pyproject.toml, uv.lock, Chart.yaml and overlays"):
            write(version)
        with step(f"CHANGELOG.md, from {len(fragments())} fragments"):
            build_changelog(version)
        for target in [*GENERATORS, *gates]:
            with step(f"make {target}"):
                run("make", target, seconds=PATIENCE)
        with step("package the chart"):
            package = package_chart(CHART, FOLDER)
        with step(f"commit, and tag {version.tag}"):
            run("git", "add", "--all")
            run("git", "commit", "--quiet", "--message", f"Version {version}")
            run("git", "tag", "--annotate", version.tag, "--message", f"Version {version}")
    _say_what_is_next(version, package)


def check_order(version: Version) -> None:
    """StackError when it does not come after what was released, or before what the checkout is already."""
    if (before := released()) and version <= before[-1]:
        raise StackError(f"VERSION is {version}, and {before[-1]} was released; it must be larger")
    if version < current():
        raise StackError(f"VERSION is {version}, and this checkout is {current()}; it must not be smaller")


def check_tree() -> None:
    """StackError when something is not committed, or nothing tells what has changed."""
    if changed := run("git", "status", "--porcelain").rstrip():
        raise StackError(f"the tree must be clean, and is not; commit or remove\n{changed}")
    if not fragments():
        raise StackError(
            f"{FRAGMENTS.relative_to(ROOT)}/ has no fragment, so nothing would have changed since the last version; "
            "CONTRIBUTING.md says how to write one"
        )


@contextmanager
def put_back_on_failure() -> Iterator[None]:
    """The tree was clean: what is other than committed in the end was made here."""
    try:
        yield
    except BaseException:
        run("git", "restore", "--staged", "--worktree", ".")
        raise


def build_changelog(version: Version) -> None:
    """Move the fragments into CHANGELOG.md."""
    towncrier = str(Path(sys.executable).with_name("towncrier"))
    today = datetime.now(UTC).date().isoformat()
    run(towncrier, "build", "--yes", "--version", str(version), "--date", today)


def package_chart(chart: Path, folder: Path) -> Path:
    """Package a chart into a folder, which then has nothing else; the package."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    run("helm", "package", str(chart), "--destination", str(folder))
    [package] = folder.iterdir()
    return package


def _say_what_is_next(version: Version, package: Path) -> None:
    branch = run("git", "branch", "--show-current").strip() or "HEAD:main"
    say(f"\nVersion {version} is committed and tagged, the chart is {package.relative_to(ROOT)}.")
    say("Nothing has left this machine. Push it, and the workflow `release` publishes it once its checks have passed:")
    say(f"  git push --atomic origin {branch} {version.tag}")
    say("or take it back:")
    say(f"  git tag --delete {version.tag} && git reset --hard HEAD~1\n")
