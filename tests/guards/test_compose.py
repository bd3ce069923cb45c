"""`compose.yaml` says what the list of queues and the chart say. No test runs it: that would take Docker's compose."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from config import environment
from config.queues import Queue
from devstack.compose import compose_secrets
from tests.chart.charts import FOLDER
from tests.guards.source import ROOT, told

FILE = ROOT / "compose.yaml"
VALUES = yaml.safe_load((FOLDER / "values.yaml").read_text())
SINGLE = {"web", "relay", "beat", "migrate", "flower"}
SERVERS = {"redis", "postgres"}
# Whatever gives a service one name, place or number on the machine keeps it from being scaled.
FIXED = {"container_name", "hostname", "ports", "scale", "deploy"}
MEND = "bring compose.yaml and app/config/queues.py together"


def interpolated(text: str) -> str:
    """As compose reads it where none of the variables is set."""
    return re.sub(r"\$(?:\$|\{\w+:-([^}]*)\})", lambda match: "$" if match[0] == "$$" else match[1], text)


COMPOSE: dict[str, Any] = yaml.safe_load(interpolated(FILE.read_text()))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
WORKERS = {f"worker-{queue}": queue for queue in Queue}
APPLICATION = sorted(SINGLE | WORKERS.keys())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make compose-secrets` makes."""
    folder = tmp_path_factory.mktemp("made") / "compose"
    compose_secrets(folder)
    return folder


@pytest.mark.covers(70)
def test_it_is_what_the_compose_specification_allows() -> None:
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_variable_has_a_default() -> None:
    left = set(re.findall(r"(?<!\$)\$\{?\w+", re.sub(r"\$\$|\$\{\w+:-[^}]*\}", "", FILE.read_text())))
    assert not left, told(left, "write ${NAME:-default}, or $$ for the container's own shell")


@pytest.mark.covers(70)
def test_there_is_a_service_for_every_queue_and_every_other_role() -> None:
    assert SERVICES.keys() == SINGLE | SERVERS | WORKERS.keys(), MEND
    for name, queue in WORKERS.items():
        assert SERVICES[name]["environment"]["WORKER_QUEUE"] == queue.value, MEND


@pytest.mark.covers(68)
@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_can_be_started_as_often_as_asked_for(name: str) -> None:
    fixed = FIXED & SERVICES[name].keys()
    assert not fixed, told(fixed, "take it out: `docker compose up --scale` could not start a second one")


@pytest.mark.covers(68)
@pytest.mark.parametrize(("name", "queue"), WORKERS.items())
def test_a_worker_has_the_grace_period_that_follows_from_its_time_limit(name: str, queue: Queue) -> None:
    assert SERVICES[name]["stop_grace_period"] == f"{queue.lane.grace_period}s", MEND


@pytest.mark.parametrize("name", WORKERS)
def test_a_workers_children_share_the_memory_that_it_has(name: str) -> None:
    service = SERVICES[name]
    assert f"{int(service['environment']['WORKER_MEMORY_LIMIT']) >> 20}m" == service["mem_limit"]
    assert service["mem_limit"] + "i" == VALUES["celery"]["resources"]["limits"]["memory"].lower()


@pytest.mark.covers(70)
@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_service_may_do_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), "whoever can reach the machine could reach it"


def test_the_servers_are_reached_by_nobody_outside() -> None:
    assert COMPOSE["networks"]["servers"]["internal"] is True
    for name in SERVERS:
        assert SERVICES[name]["networks"] == ["servers"]
        assert "ports" not in SERVICES[name]
    outside = {name for name, service in SERVICES.items() if "world" in service["networks"]}
    assert outside == {"web", "flower", "worker-io"}


@pytest.mark.covers(70)
@pytest.mark.parametrize(("name", "component"), [*((worker, "celery") for worker in WORKERS), ("beat", "beat"),
                                                 ("relay", "relay")])  # fmt: skip
def test_health_is_what_the_charts_probes_look_at(name: str, component: str) -> None:
    probe = VALUES[component]["probes"]["liveness"]
    check = SERVICES[name]["healthcheck"]
    assert check["test"] == ["CMD", *probe["exec"]["command"]]
    assert (check["interval"], check["timeout"], check["retries"]) == (
        f"{probe['periodSeconds']}s", f"{probe['timeoutSeconds']}s", probe["failureThreshold"],
    )  # fmt: skip


def test_servers_and_flower_are_the_charts() -> None:
    for name, key in (("redis", "redis"), ("postgres", "postgresql")):
        image = VALUES[key]["image"]
        assert SERVICES[name]["image"] == f"{image['repository']}:{image['tag']}"
        assert SERVICES[name]["user"] == f"{VALUES[key]['user']}:{VALUES[key]['user']}"
    assert SERVICES["flower"]["entrypoint"] == VALUES["flower"]["command"]
    assert f"--max_connections={VALUES['postgresql']['maxConnections']}" in SERVICES["postgres"]["command"]
    assert f"uid={VALUES['pod']['user']}," in SERVICES["worker-io"]["tmpfs"][1]


def test_what_is_mounted_is_made_or_in_the_repository(made: Path) -> None:
    assert {one["file"] for one in COMPOSE["secrets"].values()} == {
        f".local/compose/{path.name}" for path in made.iterdir()
    }
    for one in COMPOSE["configs"].values():
        assert (ROOT / one["file"]).is_file()
    for service in SERVICES.values():
        assert {one["source"] for one in service["secrets"]} <= COMPOSE["secrets"].keys()
        assert {one["source"] for one in service.get("configs", [])} <= COMPOSE["configs"].keys()


def test_only_this_user_gets_at_the_passwords_and_a_second_run_keeps_them(made: Path) -> None:
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    compose_secrets(made)
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before
    assert made.stat().st_mode & 0o777 == 0o700
    assert len({before[name] for name in before if name.startswith("redis-")}) >= 6


@pytest.mark.covers(70)
@pytest.mark.parametrize("name", APPLICATION)
def test_the_application_starts_with_what_compose_gives_it(
    name: str, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its environment is read by the application itself, with the files where compose mounts them."""
    service = SERVICES[name]
    for mount in service["secrets"]:
        path = tmp_path / mount["target"].removeprefix("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((made / Path(COMPOSE["secrets"][mount["source"]]["file"]).name).read_bytes())
    for variable in list(os.environ):
        if variable.removesuffix("_FILE").lower() in environment.Environment.model_fields:
            monkeypatch.delenv(variable)
    for variable, value in service["environment"].items():
        monkeypatch.setenv(variable, value.replace("/run/", f"{tmp_path}/run/"))

    env = environment.load()

    assert env.redis_url.get_secret_value() == "rediss://redis:6379/0"
    assert "sslmode=verify-full" in env.database_url.get_secret_value()
    assert env.worker_queue == WORKERS.get(name)
    if name != "migrate":
        role = name.partition("-")[0]
        assert env.redis_username == role
        assert env.redis_password is not None
        assert env.redis_password.get_secret_value() == (made / f"redis-{role}").read_text()
