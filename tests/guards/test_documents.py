"""What the documents say is so: names, tables and links are compared with the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from config.countfiles import FOLDER_VARIABLE
from config.environment import Environment
from config.problems import Code
from config.queues import Queue
from docs import values
from docs.generate import METRICS, SETTINGS, metrics_page, settings_page
from jobs.instance import INSTANCE_VARIABLE
from jobs.states import Reason
from tests import coverage_rows
from tests.faults.fault import Fault
from tests.guards.source import ROOT, dotted, of_app, told

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
ERRORS = DOCS / "operations" / "errors.md"
GUARANTEES = DOCS / "guarantees.md"
# An adopter deletes these; what documents say of them is then history.
DELETABLE = ("app/examples", "tests/examples")


def place(path: Path) -> str:
    return str(path.relative_to(ROOT))


def table_rows(page: Path) -> list[list[str]]:
    """The cells of every row whose first one is code."""
    lines = (line for line in page.read_text().splitlines() if line.startswith("| `"))
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def is_gone(path: str) -> bool:
    """Whether a path leads into the examples, and these were deleted."""
    return any(path.startswith(folder) and not (ROOT / folder).exists() for folder in DELETABLE)


@pytest.mark.covers(67)
@pytest.mark.covers(44)
def test_the_tables_of_metrics_are_the_generated_ones() -> None:
    assert METRICS.read_text() == metrics_page(), f"{place(METRICS)} is out of date; write it anew: make docs"


def test_the_table_of_settings_is_the_generated_one() -> None:
    assert SETTINGS.read_text() == settings_page(), f"{place(SETTINGS)} is out of date; write it anew: make docs"


def test_the_table_of_values_is_the_generated_one() -> None:
    text = values.VALUES.read_text()
    assert len(list(values.values(text))) >= 150
    assert values.PAGE.read_text() == values.page(text), (
        f"{place(values.PAGE)} is out of date; write it anew: make docs"
    )


@pytest.mark.covers(67)
def test_nothing_is_read_from_the_environment_past_its_one_reader() -> None:
    """A variable that is read elsewhere is neither checked nor in the table."""
    known = {name.upper() for name in Environment.model_fields} | {
        "DJANGO_SETTINGS_MODULE",
        # Celery's own, which two roles set.
        "CELERY_SKIP_CHECKS",
        INSTANCE_VARIABLE,
        FOLDER_VARIABLE,
    }
    read = {
        f"{module.at(node)} reads {name}"
        for module in of_app()
        if module.name not in ("config.environment", "config.settings.test")
        for node in module.nodes()
        for name in variable_names(node)
        if name not in known and name not in ("INSTANCE_VARIABLE", "FOLDER_VARIABLE")
    }
    assert not read, told(read, "add it to config.environment.Environment and read it from `env`")


def variable_names(node: ast.AST) -> list[str]:
    """The variable that an expression takes from os.environ, as it is written there."""
    arguments: list[ast.expr] = []
    if isinstance(node, ast.Subscript) and dotted(node.value).endswith("environ"):
        arguments = [node.slice]
    elif isinstance(node, ast.Call) and dotted(node.func).endswith(("environ.get", "environ.setdefault", "getenv")):
        arguments = node.args[:1]
    return [str(one.value) if isinstance(one, ast.Constant) else ast.unparse(one) for one in arguments]


def test_reading_a_variable_is_recognised() -> None:
    for text in ("os.environ['A']", "os.environ.get('A', '')", "os.getenv('A')", "environ['A']"):
        assert variable_names(ast.parse(text, mode="eval").body) == ["A"]


@pytest.mark.covers(114)
def test_every_problem_has_its_cause_and_its_mend() -> None:
    explained = {row[0].strip("`"): row for row in table_rows(ERRORS)}
    missing = {code.value for code in Code} - set(explained)
    assert not missing, told(missing, f"say in {place(ERRORS)} what causes it and what to do")
    wrong = {code.value for code in Code if explained[code.value][1] != str(code.status)}
    assert not wrong, told(wrong, f"its status in {place(ERRORS)} is not the one in config/problems.py")
    stale = set(explained) - set(Code) - set(Reason)
    assert not stale, told(stale, f"no such code or reason; take it out of {place(ERRORS)}")
    assert all(len(explained[code.value]) == 5 and all(explained[code.value]) for code in Code)


@pytest.mark.covers(114)
def test_every_reason_of_a_job_is_explained() -> None:
    explained = {row[0].strip("`") for row in table_rows(ERRORS)}
    missing = {reason.value for reason in Reason if reason.value} - explained
    assert not missing, told(missing, f"say in {place(ERRORS)} what it means and what to do")


def named_tests(page: Path) -> list[tuple[str, str]]:
    """Each test that a page names, with the file that stands after it."""
    found = []
    for names, path in re.findall(r"((?:`test_\w+`(?:, )?)+) in `(tests/[\w/]+\.py)`", page.read_text()):
        found += [(path, name) for name in re.findall(r"test_\w+", names)]
    return found


@pytest.mark.parametrize("page", [GUARANTEES, ROOT / "README.md"], ids=place)
def test_every_test_that_proves_a_promise_exists(page: Path) -> None:
    named = named_tests(page)
    assert len(named) >= 10
    # Of names without a file nothing could be checked.
    assert len(named) == len(re.findall(r"`test_\w+`", page.read_text()))
    missing = {f"{path}::{name}" for path, name in named if not is_gone(path) and name not in names_in(ROOT / path)}
    assert not missing, told(missing, f"{place(page)} names tests that do not exist; was one renamed?")


@pytest.mark.parametrize("page", [GUARANTEES, ROOT / "README.md"], ids=place)
def test_every_fault_that_proves_a_promise_exists(page: Path) -> None:
    lists = re.findall(r"`tests/faults/test_matrix\.py` \(([^)]+)\)", page.read_text())
    named = set(re.findall(r"`(\w+)`", " ".join(lists)))
    assert len(named) >= 5
    missing = named - set(Fault.__members__)
    assert not missing, told(missing, f"{place(page)} names faults that tests/faults/fault.py does not have")


def names_in(path: Path) -> set[str]:
    if not path.exists():
        return set()
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_promise_has_a_proof() -> None:
    promises = [line for line in GUARANTEES.read_text().splitlines() if line.startswith("| **")]
    assert len(promises) >= 25
    unproven = {line.split("|")[1].strip() for line in promises if "`test_" not in line.split("|")[3]}
    assert not unproven, told(unproven, "name the test that proves it, or move it to what is not promised")


def test_the_list_of_what_is_covered_is_whole() -> None:
    assert [row.number for row in coverage_rows.rows()] == list(range(1, 130))
    stray = {f"{number} in {path}" for number, paths in coverage_rows.covered().items() for path in paths
             if number not in range(1, 130)}  # fmt: skip
    assert not stray, told(stray, f"no such row in {place(coverage_rows.LIST)}")


def test_every_row_is_covered_where_the_list_says() -> None:
    faults = {f"row {row.number} {fault}" for row in coverage_rows.rows() if (fault := fault_of(row))}
    assert not faults, told(faults, f"bring {place(coverage_rows.LIST)} and the tests together")


def fault_of(row: coverage_rows.Row) -> str | None:
    """What is wrong with a row of the list, as the end of a sentence."""
    covered = coverage_rows.covered().get(row.number, set())
    if row.is_open:
        # A part may have tests already.
        return None
    if row.is_document:
        [document] = re.findall(r"`([\w/.-]+)`", row.where)
        return None if (ROOT / document).exists() else f"is to be settled by {document}, which does not exist"
    if row.is_deleted:
        return None
    wrong = set(row.files) - covered
    if wrong or not row.files:
        return f"names {', '.join(wrong) or 'no file'}, where no test has @pytest.mark.covers({row.number})"
    return None


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text()
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    paths = [path for path in re.findall(r"`((?:app|deploy|docs|tests)/[\w/.-]+\w)`", text) if "*" not in path]
    targets = {link: page.parent / link for link in links if "://" not in link}
    targets |= {path: ROOT / path for path in paths if not is_gone(path)}
    broken = {target for target, path in targets.items() if not path.exists()}
    assert not broken, told(broken, f"{place(page)} leads to what does not exist")


@pytest.mark.parametrize("queue", list(Queue))
def test_the_readmes_table_of_queues_is_the_list(queue: Queue) -> None:
    limit = f"{queue.lane.time_limit} s" if queue.lane.time_limit < 60 else f"{queue.lane.time_limit // 60} min"
    row = f"| {queue} | {queue.lane.purpose} | {queue.lane.pool} | {limit} |"
    assert row in (ROOT / "README.md").read_text().splitlines(), (
        "README.md has another row for it than config/queues.py"
    )


def test_decisions_are_numbered_and_say_what_was_decided() -> None:
    pages = sorted((DOCS / "decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for page in pages:
        lines = page.read_text().splitlines()
        assert lines[0].startswith(f"# {int(page.name[:4])}. "), place(page)
        assert lines[2].startswith("**Decided:**"), f"{place(page)}: the third line says what was decided"
