"""Who may speak to whom, and what each may say."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence

import pytest

from tests.cluster.conftest import Images
from tests.cluster.kube import Kube
from tests.cluster.polling import wait_for

# Prints a line for each command: what Redis answers, or by what the attempt ended.
ASK = """
import json, redis, sys
asked = json.loads(sys.argv[1])
client = redis.Redis(asked["host"], 6379, socket_timeout=10, socket_connect_timeout=10, **asked["options"])
for command in asked["commands"]:
    try:
        print("answer", client.execute_command(*command))
    except Exception as error:
        print(type(error).__name__, str(error).replace("\\n", " "))
"""
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3); print('connected')"
LISTEN = "import socket, time; listener = socket.create_server(('', 9999)); print('up', flush=True); time.sleep(180)"
VERIFIED = {"ssl": True, "ssl_ca_certs": "/run/tls/ca.crt"}


def ask(kube: Kube, *command: str, **options: object) -> str:
    """Ask Redis from web's pod, which may connect to it."""
    [answer] = ask_all(kube, [command], **options).values()
    return answer


def ask_all(kube: Kube, commands: Sequence[tuple[str, ...]], **options: object) -> dict[tuple[str, ...], str]:
    """The answer to each command."""
    asked = {"host": f"{kube.full}-redis.{kube.namespace}.svc", "commands": commands, "options": options}
    [pod] = kube.ready("web")[:1]
    printed = kube.exec(pod.metadata.name, "python", "-c", ASK, json.dumps(asked), container="web")
    return dict(zip(commands, printed.splitlines(), strict=True))


def user(kube: Kube, role: str) -> dict[str, object]:
    """How a role logs in."""
    secret = kube.core.read_namespaced_secret(f"{kube.full}-secrets", kube.namespace).data
    return {**VERIFIED, "username": role, "password": base64.b64decode(secret[f"redis-{role}"]).decode()}


@pytest.mark.covers(77)
def test_redis_has_no_plain_port(kube: Kube) -> None:
    plain = {key: value for key, value in user(kube, "web").items() if not key.startswith("ssl")}
    assert ask(kube, "PING", **user(kube, "web")) == "answer True"
    assert ask(kube, "PING", **plain).startswith(("ConnectionError", "TimeoutError", "InvalidResponse"))
    cli = "REDISCLI_AUTH=$(cat /run/redis/admin) redis-cli -s /run/redis/redis.sock --user admin CONFIG GET port"
    assert kube.exec(f"{kube.full}-redis-0", "sh", "-c", cli, container="redis").split() == ["port", "0"]


@pytest.mark.covers(77)
def test_a_client_with_another_authority_refuses_redis(kube: Kube) -> None:
    options = {**user(kube, "web"), "ssl_ca_certs": "/etc/ssl/certs/ca-certificates.crt"}
    assert "certificate verify failed" in ask(kube, "PING", **options)


@pytest.mark.covers(77)
def test_redis_serves_nobody_without_a_password(kube: Kube) -> None:
    assert ask(kube, "LLEN", "default", **VERIFIED).startswith("AuthenticationError")
    assert ask(kube, "LLEN", "default", **{**user(kube, "web"), "password": "guessed"}).startswith(
        "AuthenticationError"
    )


@pytest.mark.covers(72, 81)
def test_kedas_user_can_count_and_nothing_else(kube: Kube) -> None:
    keda = user(kube, "keda")
    assert ask(kube, "LLEN", "default", **keda).startswith("answer ")
    assert ask(kube, "HLEN", "unacked:default", **keda).startswith("answer ")
    refused = [("LRANGE", "default", "0", "-1"), ("LPUSH", "default", "x"), ("RPOP", "default"), ("DEL", "default"),
               ("HGETALL", "unacked:default"), ("KEYS", "*"), ("CONFIG", "GET", "port"), ("LLEN", "other")]  # fmt: skip
    answers = ask_all(kube, refused, **keda)
    assert [command for command, answer in answers.items() if not answer.startswith("NoPermissionError")] == [], answers


@pytest.mark.covers(81)
def test_webs_user_cannot_take_messages(kube: Kube) -> None:
    web = user(kube, "web")
    assert ask(kube, "LLEN", "default", **web).startswith("answer ")
    answers = ask_all(
        kube, [("RPOP", "default"), ("BRPOP", "default", "1"), ("LPOP", "default"), ("DEL", "default")], **web
    )
    assert [command for command, answer in answers.items() if not answer.startswith("NoPermissionError")] == [], answers


@pytest.fixture(scope="module")
def stranger(kube: Kube, images: Images) -> Iterator[str]:
    """A pod in the release's namespace without a label of its."""
    with kube.visitor(images.one, {"app": "stranger"}) as name:
        yield name


@pytest.fixture(scope="module")
def friend(kube: Kube, images: Images) -> Iterator[str]:
    """One with the labels of a client: what it can do, the network lets through."""
    labels = {f"{kube.full}/{server}-client": "true" for server in ("redis", "postgresql")}
    with kube.visitor(images.one, labels) as name:
        yield name


def connects(kube: Kube, pod: str, host: str, port: int) -> bool:
    return kube.try_exec(pod, "python", "-c", CONNECT, host, str(port)).printed == "connected"


@pytest.mark.covers(78, 119)
@pytest.mark.parametrize(("server", "port"), [("redis", 6379), ("postgresql", 5432)])
def test_only_a_pod_with_the_label_connects_to_a_server(
    kube: Kube, stranger: str, friend: str, server: str, port: int
) -> None:
    host = f"{kube.full}-{server}"
    wait_for(lambda: connects(kube, friend, host, port), 60, what=f"a labelled pod connects to {server}")
    assert not connects(kube, stranger, host, port)


@pytest.mark.covers(78)
def test_a_stranger_reaches_web_and_no_worker(kube: Kube, stranger: str) -> None:
    [worker] = kube.ready("worker", "critical")
    name, address = worker.metadata.name, worker.status.pod_ip
    assert connects(kube, stranger, f"{kube.full}-web", 80), "web is for everybody"
    kube.exec(name, "sh", "-c", f'python -c "{LISTEN}" >/dev/null 2>&1 &', container="worker")
    # Otherwise the last line would say nothing.
    wait_for(lambda: connects(kube, name, "127.0.0.1", 9999), 60, what="somebody listens in the worker's pod")
    assert not connects(kube, stranger, address, 9999)
