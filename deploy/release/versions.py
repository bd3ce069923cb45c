"""What a version is, which ones were released, and the files that spell the current one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from deploy.kind.names import CHART, ROOT
from deploy.kind.programs import run
from devstack.errors import StackError

OVERLAYS = ROOT / "deploy" / "kustomize" / "overlays"

# Every place that spells the version of image and chart, with what stands around it. A guard finds them equal.
PLACES: tuple[tuple[Path, str], ...] = (
    (ROOT / "pyproject.toml", r'(?m)(?<=^version = ")[^"]+(?="$)'),
    (ROOT / "uv.lock", r'(?<=\[\[package\]\]\nname = "django-celery-kubernetes"\nversion = ")[^"]+(?="\n)'),
    (CHART / "Chart.yaml", r"(?m)(?<=^version: ).+$"),
    (CHART / "Chart.yaml", r"(?m)(?<=^appVersion: ).+$"),
    (OVERLAYS / "staging" / "kustomization.yaml", r"(?<=, newTag: )[^}]+(?=\})"),
    (OVERLAYS / "production" / "kustomization.yaml", r"(?<=, newTag: )[^}]+(?=\})"),
)


@dataclass(frozen=True, order=True)
class Version:
    """Three numbers of semantic versioning. There are no others: what is tried before a release is a commit."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """StackError when the text is no version."""
        if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", text):
            raise StackError(f"VERSION is {text!r}; it must be three numbers, such as make release VERSION=0.2.0")
        return cls(*map(int, text.split(".")))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def tag(self) -> str:
        return f"v{self}"


def spelled() -> list[str]:
    """The version as each of PLACES spells it. StackError when one does not, or more than once."""
    return [_found(path, pattern) for path, pattern in PLACES]


def current() -> Version:
    """The version of this checkout."""
    return Version.parse(spelled()[0])


def write(version: Version) -> None:
    """Spell it so in every place."""
    for path, pattern in PLACES:
        _found(path, pattern)
        path.write_text(re.sub(pattern, str(version), path.read_text()))


def released() -> list[Version]:
    """The versions that have a tag here, the oldest first."""
    tags = run("git", "tag", "--list", "v*").split()
    return sorted(Version.parse(tag[1:]) for tag in tags if re.fullmatch(r"v\d+\.\d+\.\d+", tag))


def check() -> None:
    """The commit that is checked out has the tag of its version. StackError when it has not."""
    version, tags = current(), run("git", "tag", "--points-at", "HEAD").split()
    if version.tag not in tags:
        raise StackError(
            f"the tags of this commit are {', '.join(tags) or 'none'}; of {version} it must have {version.tag}: "
            "check that tag out, or make a version with `make release`"
        )


def _found(path: Path, pattern: str) -> str:
    found = [match.group() for match in re.finditer(pattern, path.read_text())]
    if len(found) != 1:
        raise StackError(
            f"{path.relative_to(ROOT)} spells the version {len(found)} times as {pattern!r}; once is right"
        )
    return found[0]
