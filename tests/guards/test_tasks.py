"""Task modules stay thin, and nothing waits for a result."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

import pytest

from config.celery import app
from jobs import registry
from tests.guards.source import Function, Module, dotted, lines_of_body, of_app, told, with_role

BODY_MAX = 10
TASKS_PER_MODULE_MAX = 7
WRITES = {"save", "create", "bulk_create", "update", "bulk_update", "delete", "get_or_create", "update_or_create"}
# What hands a task to Celery, and how somebody would wait for what it returns.
SENDS = {"delay", "apply_async", "send_task", "AsyncResult", "GroupResult", "ResultSet"}
WAITS = {"get", "wait", "join", "join_native", "collect", "iterate"}

TASK_MODULES = with_role("tasks")


def bodies(module: Module) -> Iterator[Function]:
    """The functions of a task module, those inside of others left to the one around them."""
    return (node for node in module.tree.body if isinstance(node, Function))


def test_the_scan_finds_the_task_modules() -> None:
    assert {"jobs.tasks", "ops.tasks"} <= {module.name for module in TASK_MODULES}
    assert sum(len(list(bodies(module))) for module in TASK_MODULES) >= 3


@pytest.mark.covers(33, 37)
@pytest.mark.parametrize("module", TASK_MODULES, ids=lambda module: module.name)
def test_a_task_calls_a_service_and_does_little_else(module: Module) -> None:
    long = {
        f"{module.at(function)} {function.name} has {lines} lines"
        for function in bodies(module)
        if (lines := lines_of_body(function)) > BODY_MAX
    }
    assert not long, told(long, f"a task has at most {BODY_MAX}; move the work into services.py and call it")


@pytest.mark.covers(33, 35, 37)
@pytest.mark.parametrize("module", TASK_MODULES, ids=lambda module: module.name)
def test_a_task_writes_no_rows_of_its_own(module: Module) -> None:
    named = {f"{module.place} imports {name}" for name in module.imported() if "models" in name.split(".")}
    written = {
        f"{module.at(call)} calls {dotted(call.func)}"
        for call in module.calls()
        if isinstance(call.func, ast.Attribute) and (call.func.attr in WRITES or "objects" in dotted(call.func))
    }
    assert not named | written, told(named | written, "let a service do it: it can be called and tested without Celery")


@pytest.mark.covers(39)
def test_no_task_is_a_coroutine() -> None:
    """A worker awaits nothing: the body would never run, and the job would succeed."""
    asynchronous = {
        f"{module.at(node)} {node.name}"
        for module in TASK_MODULES
        for node in module.nodes()
        if isinstance(node, ast.AsyncFunctionDef)
    }
    asynchronous |= {one.name for one in registry.job_types() if inspect.iscoroutinefunction(one.service)}
    asynchronous |= {name for name, task in app.tasks.items() if inspect.iscoroutinefunction(task.run)}
    assert not asynchronous, told(asynchronous, "write it as a plain function; the queue `io` waits for many at once")


@pytest.mark.covers(32)
def test_a_module_with_many_tasks_becomes_a_package() -> None:
    crowded = {
        f"{module.place} has {number} tasks"
        for module in TASK_MODULES
        if (number := sum(bool(function.decorator_list) for function in bodies(module))) > TASKS_PER_MODULE_MAX
    }
    mend = f"beyond {TASKS_PER_MODULE_MAX}, make tasks/ a package of modules by subject and re-export in __init__"
    assert not crowded, told(crowded, mend)


@pytest.mark.covers(106)
def test_nobody_waits_for_a_result() -> None:
    """There is no result backend, and a request or task that waits for another holds a process for nothing."""
    found = {place for module in of_app() for place in waiting(module)}
    assert not found, told(found, "return the job's id; its row tells what became of it")


@pytest.mark.covers(106)
@pytest.mark.parametrize(
    "text",
    [
        "add.delay(1).get()",
        "result = add.apply_async([1])\nresult.get(timeout=5)",
        "app.send_task('x').wait()",
        "AsyncResult(id).get()",
        "group(a, b).apply_async().join()",
    ],
)
def test_waiting_is_recognised(text: str) -> None:
    assert list(waiting_in(ast.parse(text)))


@pytest.mark.parametrize("text", ["settings.get('a')", "job = echo.enqueue(x)\nJob.objects.get(id=job.id)", "t.join()"])
def test_other_calls_of_that_name_are_not_taken_for_it(text: str) -> None:
    assert not list(waiting_in(ast.parse(text)))


def waiting(module: Module) -> set[str]:
    return {f"{module.at(call)} {dotted(call.func)}" for call in waiting_in(module.tree)}


def waiting_in(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of `.get()` and the like on what a sending call returned, directly or by name."""
    names = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and sends(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in WAITS:
            source = call.func.value
            if sends(source) or (isinstance(source, ast.Name) and source.id in names):
                yield call


def sends(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] in SENDS
