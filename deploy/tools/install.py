"""Put the tools that the chart's tests and a cluster need into `.local/bin`: `python3 install.py [helm kind …]`.

What is on PATH in a version that will do is left alone. Otherwise it comes from its release, checked against the
release's own list of digests; where that cannot be reached, it is built by Go or unpacked from Debian's package.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

BIN = Path(__file__).resolve().parents[2] / ".local" / "bin"
PATH = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
# Seconds without a byte after which a download is given up.
PATIENCE = 15
SYSTEM = platform.system().lower()
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


class Unavailable(Exception):
    """This way a tool cannot be had here, and why."""


@dataclass(frozen=True)
class Tool:
    """A program and where it comes from. {v}, {os} and {arch} stand for its version and this machine."""

    name: str
    version: str
    # What it says about itself, and what that must look like.
    asks: tuple[str, ...]
    accepts: str
    release: str
    digests: str
    # Its path in the release's archive; a release that is no archive has none.
    member: str = ""
    go: str = ""
    debian: tuple[str, str] = ("", "")
    # Names under which it may be on PATH.
    known_as: tuple[str, ...] = ()
    # For what few people do: only where it is asked for by its name.
    on_request: bool = False

    def filled(self, text: str) -> str:
        return text.replace("{v}", self.version).replace("{os}", SYSTEM).replace("{arch}", MACHINE)


def helm(name: str, version: str, *known_as: str) -> Tool:
    major = version.split(".")[0]
    release = "https://get.helm.sh/helm-v{v}-{os}-{arch}.tar.gz"
    return Tool(
        name=name,
        version=version,
        asks=("version", "--short"),
        accepts=rf"^v?{major}\.",
        release=release,
        digests=f"{release}.sha256sum",
        member="{os}-{arch}/helm",
        go=f"helm.sh/helm/v{major}/cmd/helm@v{version}",
        known_as=known_as,
    )


TOOLS = [
    helm("helm", "4.3.1", "helm"),
    # The chart is for both; only its tests need the older.
    helm("helm3", "3.22.0", "helm3", "helm"),
    Tool(
        name="kustomize",
        version="5.8.1",
        asks=("version",),
        accepts=r"v5\.",
        release="https://github.com/kubernetes-sigs/kustomize/releases/download/kustomize%2Fv{v}/kustomize_v{v}_{os}_{arch}.tar.gz",
        digests="https://github.com/kubernetes-sigs/kustomize/releases/download/kustomize%2Fv{v}/checksums.txt",
        member="kustomize",
        go="sigs.k8s.io/kustomize/kustomize/v5@v5.8.1",
    ),
    Tool(
        name="kind",
        version="0.33.0",
        asks=("version",),
        accepts=r"v0\.(2[5-9]|[3-9]\d)\.",
        release="https://kind.sigs.k8s.io/dl/v{v}/kind-{os}-{arch}",
        digests="https://kind.sigs.k8s.io/dl/v{v}/kind-{os}-{arch}.sha256sum",
        go="sigs.k8s.io/kind@v0.33.0",
    ),
    Tool(
        name="promtool",
        version="3.5.0",
        asks=("--version",),
        accepts=r"version [23]\.",
        release="https://github.com/prometheus/prometheus/releases/download/v{v}/prometheus-{v}.{os}-{arch}.tar.gz",
        digests="https://github.com/prometheus/prometheus/releases/download/v{v}/sha256sums.txt",
        member="prometheus-{v}.{os}-{arch}/promtool",
        debian=("prometheus", "usr/bin/promtool"),
    ),
    Tool(
        name="actionlint",
        version="1.7.12",
        asks=("-version",),
        accepts=r"^v?1\.7\.",
        release="https://github.com/rhysd/actionlint/releases/download/v{v}/actionlint_{v}_{os}_{arch}.tar.gz",
        digests="https://github.com/rhysd/actionlint/releases/download/v{v}/actionlint_{v}_checksums.txt",
        member="actionlint",
        go="github.com/rhysd/actionlint/cmd/actionlint@v1.7.12",
    ),
    Tool(
        name="cosign",
        version="3.1.2",
        asks=("version",),
        accepts=r"GitVersion:\s+v3\.",
        release="https://github.com/sigstore/cosign/releases/download/v{v}/cosign-{os}-{arch}",
        digests="https://github.com/sigstore/cosign/releases/download/v{v}/cosign_checksums.txt",
        go="github.com/sigstore/cosign/v3/cmd/cosign@v3.1.2",
        on_request=True,
    ),
    Tool(
        name="grype",
        version="0.116.0",
        asks=("version",),
        accepts=r"Version:\s+(0\.|\[not provided\])",
        release="https://github.com/anchore/grype/releases/download/v{v}/grype_{v}_{os}_{arch}.tar.gz",
        digests="https://github.com/anchore/grype/releases/download/v{v}/grype_{v}_checksums.txt",
        member="grype",
        go="github.com/anchore/grype/cmd/grype@v0.116.0",
        on_request=True,
    ),
]


def main(names: list[str]) -> int:
    """Install the tools of these names, or all but those on request. The exit code is 1 when one cannot be had."""
    if unknown := set(names) - {tool.name for tool in TOOLS}:
        print(f"{', '.join(sorted(unknown))}: no such tool; there are {', '.join(tool.name for tool in TOOLS)}")
        return 2
    missing = [tool for tool in wanted(names) if not install(tool)]
    return 1 if missing else 0


def wanted(names: list[str]) -> list[Tool]:
    """The tools of these names; without any, all but those on request."""
    return [tool for tool in TOOLS if (tool.name in names if names else not tool.on_request)]


def install(tool: Tool) -> bool:
    """Say where it is, or get it and say how. False when no way leads to it."""
    if found := present(tool):
        print(f"{tool.name}: {found}")
        return True
    BIN.mkdir(parents=True, exist_ok=True)
    reasons = []
    for way in (from_release, from_go, from_debian):
        began = time.monotonic()
        try:
            how = way(tool)
        except Unavailable as error:
            reasons.append(f"{way.__name__[5:]}: {error}")
            continue
        print(f"{tool.name}: {BIN / tool.name}, {how} ({time.monotonic() - began:.0f} s)", flush=True)
        return True
    print(f"{tool.name}: cannot be had here; put version {tool.version} on PATH, from {tool.filled(tool.release)}")
    print("".join(f"  {reason}\n" for reason in reasons), end="", flush=True)
    return False


def present(tool: Tool) -> str | None:
    """Its path, if a version that will do is there."""
    for name in (tool.name, *tool.known_as):
        path = shutil.which(name, path=PATH)
        if path and will_do(tool, path):
            if Path(path).name != tool.name:
                BIN.mkdir(parents=True, exist_ok=True)
                (BIN / tool.name).unlink(missing_ok=True)
                (BIN / tool.name).symlink_to(path)
            return path
    return None


def will_do(tool: Tool, path: str) -> bool:
    try:
        done = subprocess.run([path, *tool.asks], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return bool(re.search(tool.accepts, done.stdout, re.MULTILINE))


def from_release(tool: Tool) -> str:
    """Download its release and compare its digest with the list's."""
    url = tool.filled(tool.release)
    data, digests = fetch(url), fetch(tool.filled(tool.digests)).decode()
    digest = hashlib.sha256(data).hexdigest()
    if digest not in digests.split():
        raise Unavailable(f"the digest of {url} is {digest}, which its list does not have")
    if tool.member:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            member = archive.extractfile(tool.filled(tool.member))
            if member is None:
                raise Unavailable(f"{url} has no {tool.filled(tool.member)}")
            data = member.read()
    place(tool, data)
    return f"version {tool.version}, its release"


def fetch(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, OSError) as error:
        raise Unavailable(f"{url} cannot be read ({getattr(error, 'reason', None) or error})") from None


def from_go(tool: Tool) -> str:
    """Build it: minutes, and Go keeps what it downloaded for the next time."""
    if not tool.go:
        raise Unavailable("it cannot be built by `go install`")
    if not shutil.which("go"):
        raise Unavailable("there is no go")
    print(f"{tool.name}: building {tool.go}, which takes minutes", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["go", "install", tool.go], env={**os.environ, "GOBIN": folder}, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise Unavailable(f"go install failed: {done.stderr.strip()[-300:]}")
        (built,) = Path(folder).iterdir()
        place(tool, built.read_bytes())
    return f"version {tool.version}, built by Go"


def from_debian(tool: Tool) -> str:
    """Unpack Debian's package here; nothing is installed."""
    package, member = tool.debian
    if not package:
        raise Unavailable("it is no package of Debian")
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise Unavailable("this is no Debian")
    with tempfile.TemporaryDirectory() as folder:
        # apt-get downloads as a user of its own.
        Path(folder).chmod(0o777)
        for command in (["apt-get", "--quiet", "download", package], ["dpkg-deb", "--extract", "*.deb", "."]):
            words = [str(next(Path(folder).glob(word))) if "*" in word else word for word in command]
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Unavailable(f"{command[0]} failed: {done.stderr.strip()[-300:]}")
        place(tool, Path(folder, member).read_bytes())
    return f"from Debian's package {package}"


def place(tool: Tool, data: bytes) -> None:
    """Into BIN, whole or not at all."""
    new = BIN / f".{tool.name}.new"
    new.write_bytes(data)
    new.chmod(0o755)
    new.replace(BIN / tool.name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
