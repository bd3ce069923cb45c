"""A checkout of its own, with git and a remote, in which a release can be made without touching this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEFT_BEHIND = (".git", ".venv", ".local", "node_modules", ".*_cache", ".hypothesis", "__pycache__", "staticfiles")
# Nothing of this run's own may reach it, nor who uses this machine.
KEPT = ("HOME", "LANG", "LC_ALL", "TMPDIR")
PERSON = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.com"))
}


@dataclass(frozen=True)
class Done:
    """How a command ended, and everything that it printed."""

    code: int
    said: str


@dataclass(frozen=True)
class Checkout:
    """A copy of the tree as it is, committed and pushed."""

    folder: Path

    @classmethod
    def make(cls, parent: Path) -> Checkout:
        made = cls(parent / "checkout")
        shutil.copytree(ROOT, made.folder, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
        made.programs.mkdir(parents=True)
        _share_environment(made.folder / ".venv")
        made.git("init", "--quiet", "--initial-branch=main")
        made.commit("Everything")
        subprocess.run(["git", "init", "--quiet", "--bare", str(parent / "origin")], check=True)
        made.git("remote", "add", "origin", str(parent / "origin"))
        made.git("push", "--quiet", "origin", "main")
        return made

    @property
    def programs(self) -> Path:
        """Programs in here come before all others."""
        return self.folder / ".local" / "bin"

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.programs), str(ROOT / ".local" / "bin"), os.environ["PATH"]])
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return {**kept, **PERSON, "PATH": path, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}

    def run(self, *command: str, **variables: str) -> Done:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout.strip())

    def make_target(self, *arguments: str, **variables: str) -> Done:
        return self.run("make", *arguments, **variables)

    def git(self, *arguments: str) -> str:
        done = self.run("git", *arguments)
        assert done.code == 0, done.said
        return done.said

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text)


def _share_environment(folder: Path) -> None:
    """This run's packages, which make takes for newer than the lock, so that it installs nothing."""
    folder.mkdir()
    for entry in Path(sys.prefix).iterdir():
        if not entry.name.startswith("."):
            (folder / entry.name).symlink_to(entry)
    stamp = folder / ".test"
    stamp.touch()
    later = time.time() + 86_400
    os.utime(stamp, (later, later))
