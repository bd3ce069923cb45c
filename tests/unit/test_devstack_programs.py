"""Which Redis and PostgreSQL will do. Small scripts stand for the programs of other machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstack import programs
from devstack.errors import StackError
from devstack.programs import POSTGRES, REDIS, Kind, version_of


def script(path: Path, *answers: str) -> Path:
    """A program that prints the first answer for --version and the second for anything else."""
    version, other = (*answers, "", "")[:2]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo "{version}"; else echo "{other}"; fi\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=d81b8ff71cfb150e", (7, 0)),
        ("Redis server v=8.2.1 sha=00000000:1 malloc=libc bits=64 build=0", (8, 2)),
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", (15, 18)),
        ("postgres (PostgreSQL) 17.6 (Homebrew)", (17, 6)),
        ("postgres (PostgreSQL) 18beta1", (18, 0)),
    ],
)
def test_versions_are_read_from_what_programs_print(answer: str, version: tuple[int, int]) -> None:
    assert version_of(answer) == version


def test_an_answer_without_a_version_is_shown() -> None:
    with pytest.raises(StackError, match="no version in 'command not found'"):
        version_of("command not found")


def test_a_current_redis_with_tls_will_do(tmp_path: Path) -> None:
    assert REDIS.fault(script(tmp_path / "redis-server", "Redis server v=7.0.15", ">>> 'port none'")) is None


def test_an_old_redis_is_told_from_a_new_one(tmp_path: Path) -> None:
    program = script(tmp_path / "redis-server", "Redis server v=6.0.16 sha=00000000:0")

    assert REDIS.fault(program) == f"{program} is version 6.0; it must be 7 or newer"


def test_a_redis_without_tls_will_not_do(tmp_path: Path) -> None:
    program = script(tmp_path / "redis-server", "Redis server v=8.0.2", ">>> 'tls-port 0' Bad directive")

    assert REDIS.fault(program) == f"{program} was built without TLS; it must be built with BUILD_TLS=yes"


def test_an_old_postgresql_will_not_do(tmp_path: Path) -> None:
    program = script(tmp_path / "postgres", "postgres (PostgreSQL) 14.12")

    assert POSTGRES.fault(program) == f"{program} is version 14; it must be 15 or newer"


def test_a_postgres_without_initdb_is_only_half_of_one(tmp_path: Path) -> None:
    fault = POSTGRES.fault(script(tmp_path / "postgres", "postgres (PostgreSQL) 17.2"))

    assert fault is not None
    assert "has no initdb beside it" in fault


def test_the_newest_of_debians_versions_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "DEBIAN", tmp_path)
    monkeypatch.setattr(programs, "BREW", ())
    monkeypatch.setenv("PATH", "/nowhere")
    for version in (9, 15, 17):
        script(tmp_path / str(version) / "bin" / "postgres", f"postgres (PostgreSQL) {version}.1")
        script(tmp_path / str(version) / "bin" / "initdb")

    assert POSTGRES.find() == tmp_path / "17" / "bin" / "postgres"


def test_what_is_missing_is_named_with_the_ways_to_get_it() -> None:
    nothing = Kind("no-such-server", "no-such-package", "no-such-formula", lambda program: None)

    assert nothing.missing() == (
        "no-such-server was not found; run `make servers`, or `apt-get install no-such-package`, "
        "or `brew install no-such-formula`"
    )
