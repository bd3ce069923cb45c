"""The programs the stack stands on: found, checked, and installed where they are missing.

Redis 7 or newer built with TLS, and PostgreSQL 15 or newer; from PATH, from Debian's versioned folders or from
Homebrew's. Installing uses the platform's own package manager and says so first.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from devstack.errors import StackError

REDIS_MINIMUM = 7
POSTGRES_MINIMUM = 15
DEBIAN = Path("/usr/lib/postgresql")
BREW = (Path("/opt/homebrew"), Path("/usr/local"), Path("/home/linuxbrew/.linuxbrew"))
APT_INSTALL = Path(__file__).resolve().parents[1] / "apt-install.sh"


@dataclass(frozen=True)
class Kind:
    """A server: its program, the packages that have it, and what keeps a found program from being used."""

    program: str
    apt: str
    brew: str
    fault: Callable[[Path], str | None]

    def candidates(self) -> Iterator[Path]:
        """Where the program is, the likeliest place first, the newest version before older ones."""
        places = [Path(found)] if (found := shutil.which(self.program)) else []
        places += sorted(DEBIAN.glob(f"*/bin/{self.program}"), key=_newest)
        for prefix in BREW:
            places += [prefix / "bin" / self.program]
            places += sorted(prefix.glob(f"opt/{self.brew.split('@')[0]}@*/bin/{self.program}"), key=_newest)
        yield from filter(Path.exists, places)

    def find(self) -> Path | None:
        """The first one that will do."""
        return next((program for program in self.candidates() if not self.fault(program)), None)

    def missing(self) -> str:
        """One line: what is missing or why the found ones will not do, and how to get it."""
        faults = dict.fromkeys(fault for program in self.candidates() if (fault := self.fault(program)))
        was = "; ".join(faults) or f"{self.program} was not found"
        return f"{was}; run `make servers`, or `apt-get install {self.apt}`, or `brew install {self.brew}`"


def version_of(line: str) -> tuple[int, int]:
    """The version in what a program prints for --version; StackError when there is none.

    `Redis server v=7.0.15 sha=…` gives (7, 0), `postgres (PostgreSQL) 18beta1` gives (18, 0).
    """
    found = re.search(r"(?:v=|\) )(\d+)(?:\.(\d+))?", line)
    if not found:
        raise StackError(f"no version in {line!r}; it must be the answer of redis-server or postgres to --version")
    return int(found[1]), int(found[2] or 0)


def _newest(program: Path) -> int:
    found = re.search(r"\d+$", program.parents[1].name)
    return -int(found[0]) if found else 0


def _output(program: Path, *arguments: str) -> str:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


def _redis_fault(program: Path) -> str | None:
    version = version_of(_output(program, "--version"))
    if version[0] < REDIS_MINIMUM:
        return f"{program} is version {version[0]}.{version[1]}; it must be {REDIS_MINIMUM} or newer"
    # It reads its settings in order and stops at the first bad one, which is the second for every build with TLS.
    if "tls-port" in _output(program, "--tls-port", "0", "--port", "none"):
        return f"{program} was built without TLS; it must be built with BUILD_TLS=yes"
    return None


def _postgres_fault(program: Path) -> str | None:
    version = version_of(_output(program, "--version"))
    if version[0] < POSTGRES_MINIMUM:
        return f"{program} is version {version[0]}; it must be {POSTGRES_MINIMUM} or newer"
    if not program.resolve().with_name("initdb").exists():
        return f"{program} has no initdb beside it; it must be a whole installation"
    return None


REDIS = Kind("redis-server", "redis-server", "redis", _redis_fault)
POSTGRES = Kind("postgres", "postgresql", "postgresql@17", _postgres_fault)


@cache
def redis_program(name: str = "redis-server") -> Path:
    """redis-server or redis-cli of a Redis that will do; StackError when there is none."""
    # Unlike PostgreSQL's, its name may be a link to a program of another name, which acts by the name it is called.
    if program := REDIS.find():
        return program.with_name(name)
    raise StackError(REDIS.missing())


@cache
def postgres_program(name: str = "postgres") -> Path:
    """postgres, initdb or psql of a PostgreSQL that will do; StackError when there is none."""
    if program := POSTGRES.find():
        return program.resolve().with_name(name)
    raise StackError(POSTGRES.missing())


@cache
def postgres_version() -> int:
    """The major version of `postgres_program()`."""
    return version_of(_output(postgres_program(), "--version"))[0]


def install_missing(say: Callable[[str], None]) -> None:
    """Install what is missing; `say` gets a line before it.

    Raises StackError when there is no package manager to use, when it failed, or when what it installed will not do.
    """
    missing = [kind for kind in (REDIS, POSTGRES) if not kind.find()]
    if not missing:
        return
    if shutil.which("apt-get"):
        packages = [kind.apt for kind in missing]
        command = [*_as_root(packages), "sh", str(APT_INSTALL), *packages]
        say(f"installing {' and '.join(packages)} with apt-get; no service is started")
        _run(command)
    elif shutil.which("brew"):
        packages = [kind.brew for kind in missing]
        say(f"installing {' and '.join(packages)} with brew; no service is started")
        _run(["brew", "install", "--quiet", *packages])
    for kind in missing:
        if not kind.find():
            raise StackError(kind.missing())


def _as_root(packages: list[str]) -> list[str]:
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        return ["sudo"]
    raise StackError(f"{' and '.join(packages)} must be installed by root; run: apt-get install {' '.join(packages)}")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        printed = "".join(f"\n  {line}" for line in (done.stdout + done.stderr).splitlines()[-20:])
        raise StackError(f"`{' '.join(command)}` failed with exit code {done.returncode}:{printed}")
