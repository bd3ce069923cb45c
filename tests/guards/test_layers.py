"""Who may know what. Directions between modules are import-linter's (pyproject.toml); what it cannot see is here."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.guards.source import APP, Module, dotted, of_app, of_local_stack, told

DOMAIN_FILES = {"services.py", "selectors.py"}
HTTP = ("rest_framework", "django.http", "django.test", "drf_spectacular")
# What speaks HTTP: by the module's own name or that of a package around it.
SPEAKS_HTTP = {"api", "admin", "views", "urls", "middleware", "authentication", "permissions", "health", "config"}
CELERY = ("celery", "kombu", "billiard")
# What belongs to Celery's processes, or hands messages to it.
KNOWS_CELERY = {"config", "tasks", "worker", "guard", "pulse", "messages", "scheduler", "rules"}
BELOW_TASKS = {"models", "selectors", "services", "schemas"}
# What opens a connection, with the names of its timeout.
CLIENTS = {
    "httpx.Client": {"timeout"},
    "httpx.AsyncClient": {"timeout"},
    "requests.Session": set(),
    "create_connection": {"timeout"},
    "urlopen": {"timeout"},
    "HTTPConnection": {"timeout"},
    "HTTPSConnection": {"timeout"},
    "SMTP": {"timeout"},
    "redis.Redis": {"socket_timeout", "socket_connect_timeout"},
    "Redis.from_url": {"socket_timeout", "socket_connect_timeout"},
    "psycopg.connect": {"connect_timeout"},
    **{f"{package}.{verb}": {"timeout"} for package in ("httpx", "requests") for verb in ("get", "post", "request")},
}
# Clients whose timeout may stand in second place.
POSITIONAL = {"create_connection": 1, "urlopen": 2}


def domains() -> list[str]:
    """Packages that declare tasks: those are apps, or parts of one, with work to do."""
    return sorted(module.package for module in of_app() if module.name.endswith(".tasks"))


def test_the_scan_finds_the_application() -> None:
    assert len(of_app()) >= 80
    assert {"jobs", "ops"} <= set(domains())


@pytest.mark.covers(13, 30)
def test_tasks_stand_beside_the_services_they_call() -> None:
    """`ops` and the folder around examples only bring together what stands elsewhere."""
    gathering = {"ops", "examples"}
    for domain in set(domains()) - gathering:
        files = {path.name for path in APP.joinpath(*domain.split(".")).iterdir()}
        missing = DOMAIN_FILES - files
        assert not missing, (
            f"app/{domain.replace('.', '/')} has tasks.py and no {', '.join(missing)}; put the work there"
        )


@pytest.mark.covers(30)
def test_an_app_is_laid_out_like_the_others() -> None:
    """Models, services, selectors, tasks, schedules and admin are where Django, Celery and readers look for them."""
    misplaced = {
        module.place
        for module in of_app()
        if module.name.split(".")[-1] in {"models", "tasks", "schedules", "admin"} and module.name.count(".") > 2
    }
    assert not misplaced, told(misplaced, "move it up: no more than one package inside an app")
    without_config = {path.parent.name for path in APP.glob("*/__init__.py") if not (path.parent / "apps.py").exists()}
    assert without_config == {"config"}


@pytest.mark.covers(38)
def test_only_what_speaks_http_knows_http() -> None:
    found = {
        f"{module.place} imports {name}"
        for module in of_app()
        if not SPEAKS_HTTP & set(module.name.split("."))
        for name in module.imported()
        if name.startswith(HTTP)
    }
    assert not found, told(found, "take and return plain values; let the view translate")


@pytest.mark.covers(35, 37)
def test_only_what_belongs_to_celery_knows_celery() -> None:
    found = {
        f"{module.place} imports {name}"
        for module in of_app()
        if not KNOWS_CELERY & set(module.name.split("."))
        for name in module.imported()
        if name.split(".")[0] in CELERY
    }
    assert not found, told(found, "ask for a job: `<job type>.enqueue(...)`; only jobs.dispatch publishes")


@pytest.mark.covers(37)
def test_nothing_below_tasks_imports_tasks() -> None:
    found = {
        f"{module.place} imports {name}"
        for module in of_app()
        if module.name.split(".")[-1] in BELOW_TASKS
        for name in module.imported()
        if "tasks" in name.split(".")
    }
    assert not found, told(found, "hand the service what it needs, or ask for the job where the service is called")


@pytest.mark.covers(87)
def test_every_client_has_a_timeout() -> None:
    calls = [(module, call) for module in (*of_app(), *of_local_stack()) for call in client_calls(module)]
    assert len(calls) >= 6
    endless = {f"{module.at(call)} {dotted(call.func)}" for module, call in calls if not has_timeout(call)}
    assert not endless, told(
        endless, "give it a timeout (a job's is `job.remaining`); a silent server holds it for ever"
    )


@pytest.mark.covers(87)
@pytest.mark.parametrize(
    ("text", "limited"),
    [
        ("httpx.get(url)", False),
        ("httpx.get(url, timeout=5)", True),
        ("httpx.get(url, timeout=None)", False),
        ("requests.Session()", False),
        ("redis.Redis(host, socket_timeout=2)", False),
        ("redis.Redis(host, socket_timeout=2, socket_connect_timeout=1)", True),
        ("socket.create_connection(place, 5)", True),
        ("socket.create_connection(place)", False),
    ],
)
def test_a_timeout_is_recognised(text: str, limited: bool) -> None:
    [call] = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    assert client_of(call)
    assert has_timeout(call) is limited


def client_calls(module: Module) -> Iterator[ast.Call]:
    return (call for call in module.calls() if client_of(call))


def client_of(call: ast.Call) -> str | None:
    name = dotted(call.func)
    return next((known for known in CLIENTS if name == known or name.endswith(f".{known}")), None)


def has_timeout(call: ast.Call) -> bool:
    known = client_of(call) or ""
    given = {
        keyword.arg
        for keyword in call.keywords
        if not (isinstance(keyword.value, ast.Constant) and keyword.value.value is None)
    }
    needed = CLIENTS[known]
    if known in POSITIONAL and len(call.args) > POSITIONAL[known]:
        return True
    return bool(needed) and needed <= given
