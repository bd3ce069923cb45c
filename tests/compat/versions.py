"""The earlier version: what still runs while this one is rolled out, and what this one upgrades."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A commit, while nothing has been released.
BASE = Path(__file__).with_name("BASE")


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def earlier_version() -> str:
    """The newest release before this commit, else the commit that BASE names, else the oldest one.

    The last is for a project that began as a copy and does not have the commit. AssertionError in a shallow clone,
    which may lack any of them.
    """
    shallow = git("rev-parse", "--is-shallow-repository").decode().strip() == "true"
    assert not shallow, "this clone has not the whole history; get it with `git fetch --unshallow --tags`"
    newest_first = ("--list", "v*", "--sort=-version:refname")
    if tags := git("tag", *newest_first, "--merged", "HEAD", "--no-contains", "HEAD").decode().split():
        return tags[0]
    base = BASE.read_text().strip()
    return base if known(base) else git("rev-list", "--max-parents=0", "HEAD").decode().split()[-1]


def known(commit: str) -> bool:
    """Whether the clone has it."""
    command = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == 0


def unpack(version: str, folder: Path, *parts: str) -> None:
    """Put a version's tree, or parts of it, into a folder."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", version, *parts))) as archive:
        archive.extractall(folder, filter="data")
