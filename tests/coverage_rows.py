"""Which rows of `docs/coverage.md` have no test: `make coverage-rows`.

A test says `@pytest.mark.covers(17)` when it proves row 17. Read from the source, without running anything.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "docs" / "coverage.md"
ROW = re.compile(r"^\| (?P<number>\d+) \| (?P<asked>.+?) \| (?P<where>.+?) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """What is asked, and where it is proven: paths of tests, `doc` and a document, or `open` and what it waits for."""

    number: int
    asked: str
    where: str

    @property
    def is_open(self) -> bool:
        return self.where.startswith("open")

    @property
    def is_document(self) -> bool:
        return self.where.startswith("doc")

    @property
    def files(self) -> list[str]:
        """The tests' files; those of a layer that was deleted as a whole, such as the examples', are left out."""
        named = re.findall(r"`(tests/[\w/.]+)`", self.where)
        return [path for path in named if (ROOT / path).parent.exists()]

    @property
    def is_deleted(self) -> bool:
        """Whether it was proven only by tests of a layer that is gone."""
        return "`tests/" in self.where and not self.files


def rows() -> list[Row]:
    """The list, as it is committed."""
    found = ROW.finditer(LIST.read_text())
    return [Row(int(row["number"]), row["asked"], row["where"]) for row in found]


@cache
def covered() -> dict[int, set[str]]:
    """The files whose tests cover each row that has any."""
    files: dict[int, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.covers":
                for argument in node.args:
                    files[ast.literal_eval(argument)].add(str(path.relative_to(ROOT)))
    return dict(files)


def main() -> int:
    """Print the rows without a test, and those that are open. Exit code 1 when one of the first kind is not open."""
    marked = covered()
    proven = [row for row in rows() if row.number in marked and not row.is_open]
    without = [row for row in rows() if row not in proven and not row.is_deleted]
    missing = [row for row in without if not row.is_open and not row.is_document]
    groups = {
        "No test": missing,
        "Settled by a document": [row for row in without if row.is_document],
        "Open": [row for row in without if row.is_open],
    }
    for heading, chosen in groups.items():
        print(f"{heading}: {len(chosen)}")
        for row in chosen:
            part = f"; in part {', '.join(sorted(marked[row.number]))}" if row.number in marked else ""
            print(f"  {row.number:3}  {row.asked}  ({row.where}{part})")
    print(f"Proven by tests: {len(proven)} of {len(rows())}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
