"""Small modules and small functions. A limit that is worth breaking is broken here, by name and with the reason."""

from __future__ import annotations

from tests.guards.source import lines_of_body, of_app, of_local_stack, told

MODULE_MAX = 300
FUNCTION_MAX = 30
# Places that may be larger, such as "app/jobs/x.py" or "app/jobs/x.py function", each with the reason beside it.
EXCEPTIONS: set[str] = set()

SOURCES = (*of_app(), *of_local_stack())


def test_modules_are_small() -> None:
    assert len(SOURCES) >= 100
    large = {module.place for module in SOURCES if module.text.count("\n") > MODULE_MAX} - EXCEPTIONS
    assert not large, told(large, f"a module has at most {MODULE_MAX} lines; split it by what its parts are about")


def test_functions_are_small() -> None:
    sizes = {
        f"{module.place} {function.name}": lines_of_body(function)
        for module in SOURCES
        for function in module.functions()
    }
    assert len(sizes) >= 500
    large = {place for place, lines in sizes.items() if lines > FUNCTION_MAX} - EXCEPTIONS
    assert not large, told(large, f"a function has at most {FUNCTION_MAX} lines; name a part of it and call that")


def test_every_exception_is_still_needed() -> None:
    places = {f"{module.place} {function.name}" for module in SOURCES for function in module.functions()}
    places |= {module.place for module in SOURCES}
    assert places >= EXCEPTIONS
