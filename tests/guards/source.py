"""The project's own source, as guards read it: parsed, never imported."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "app"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A Python file. Not hashable by its tree: two with the same path are the same."""

    path: Path
    base: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def name(self) -> str:
        """As it is imported, such as `jobs.api.views`."""
        parts = self.path.relative_to(self.base).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def package(self) -> str:
        """What a relative import starts from."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    @property
    def place(self) -> str:
        """The path as a person would write it."""
        return str(self.path.relative_to(ROOT))

    def at(self, node: ast.AST) -> str:
        """Where a node stands, as editors and terminals understand it."""
        return f"{self.place}:{getattr(node, 'lineno', 1)}"

    def nodes(self) -> Iterator[ast.AST]:
        return ast.walk(self.tree)

    def functions(self) -> Iterator[Function]:
        return (node for node in self.nodes() if isinstance(node, Function))

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in self.nodes() if isinstance(node, ast.Call))

    def imported(self) -> set[str]:
        """Every dotted name that it imports, also inside functions: `from a.b import c` is `a.b.c`."""
        names: set[str] = set()
        for node in self.nodes():
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                origin = _absolute(self.package, node)
                names |= {f"{origin}.{alias.name}" for alias in node.names}
        return names


def _absolute(package: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    start = parts[: len(parts) - node.level + 1]
    return ".".join([*start, node.module] if node.module else start)


def dotted(node: ast.expr) -> str:
    """`a.b.c` for a name or an attribute of one; the attributes alone, from a dot on, of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


@cache
def modules(folder: Path, base: Path | None = None) -> tuple[Module, ...]:
    """Every Python file below a folder but migrations; names count from `base`, the folder itself unless given."""
    paths = sorted(path for path in folder.rglob("*.py") if "migrations" not in path.parts)
    return tuple(Module(path, base or folder) for path in paths)


def of_app() -> tuple[Module, ...]:
    """The application."""
    return modules(APP)


def of_local_stack() -> tuple[Module, ...]:
    return modules(ROOT / "deploy" / "local")


def with_role(*roles: str) -> list[Module]:
    """The application's modules that have one of these names, such as every `tasks`."""
    return [module for module in of_app() if module.name.split(".")[-1] in roles]


def lines_of_body(function: Function) -> int:
    """Lines below the signature, without the docstring."""
    first = function.body[0]
    start = first.lineno
    if ast.get_docstring(function) is not None:
        start = (first.end_lineno or first.lineno) + 1
    return (function.end_lineno or function.lineno) - start + 1


def told(faults: Iterable[str], mend: str) -> str:
    """A guard's message: each fault on a line of its own, and what to do about it."""
    return "\n  ".join(["", *sorted(faults), mend])
