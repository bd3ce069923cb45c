"""`docs/tutorial.md` is done as it is written, up to where it needs a cluster (tests/cluster/test_tutorial.py)."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from devstack.processes import Process
from tests.polling import wait_for
from tests.tutorial import ON_A_CLUSTER, PAGE, ROOT, Block, Reader, blocks, checkout, clean_environment, contains, shown

PAGES_BLOCKS = blocks(PAGE.read_text())
UP, DOWN, DEMO = "make up\n", "make down\n", "make demo\n"


@pytest.fixture
def reader() -> Iterator[Reader]:
    """Somebody with a fresh checkout, where PostgreSQL's user can read it."""
    folder = Path(tempfile.mkdtemp(prefix="jobs-tutorial-"))
    folder.chmod(0o755)
    yield Reader(checkout(folder / "checkout"), clean_environment())
    shutil.rmtree(folder)


def up(reader: Reader) -> Process:
    """`make up` in a terminal of its own; the reader copies the address and the token from there."""
    log = reader.folder.parent / "up.log"
    process = Process("up", ["make", "up"], log=log, folder=reader.folder, environment=clean_environment(), grace=60)
    process.start()
    wait_for(lambda: "A change below app/" in log.read_text(), 120, what="the stack is up")
    reader.known["URL"], reader.known["TOKEN"] = re.findall(r"runs at (\S+)\s+token (\S+)", log.read_text())[0]
    return process


@pytest.mark.covers(17)
@pytest.mark.waits(50)
def test_the_tutorial_does_what_it_says(reader: Reader) -> None:
    here = [block for block in PAGES_BLOCKS if block.section != ON_A_CLUSTER]
    assert len(here) >= 30
    stack: Process | None = None
    try:
        for block in here:
            if block.text == UP:
                stack = up(reader)
            # It goes with the examples.
            elif block.text != DEMO or "examples" in settings.INSTALLED_APPS:
                reader.do(block)
        assert stack
        assert stack.wait(10), "the stack runs on after `make down`"
        assert stack.exit_code == 0, stack.log_end()
    finally:
        if stack:
            stack.stop()


def test_every_target_of_make_that_it_names_exists() -> None:
    typed = "\n".join(block.text for block in PAGES_BLOCKS if block.language == "console")
    named = {target for line in re.findall(r"^make (.+)$", typed, re.MULTILINE) for target in line.split()}
    named = {target for target in named if re.fullmatch(r"[a-z-]+", target)}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "up", "kind-up", "kind-load", "kind-down"} <= named
    assert named <= targets


@pytest.mark.parametrize(
    ("printed", "page", "is_it"),
    [
        ('{"a": 1, "b": {"c": [1, 2]}}', '{"b": {"c": [2]}}', True),
        ('{"a": 1}', '{"a": "…"}', True),
        ('{"a": 1}', '{"a": 2}', False),
        ('{"a": 1}', '{"b": "…"}', False),
        ("no JSON", '{"a": 1}', False),
    ],
)
def test_a_wrong_answer_is_recognised(printed: str, page: str, is_it: bool) -> None:
    assert shown(Block("", "json", "", page, 1), printed) is is_it


def test_a_line_is_recognised_by_its_words() -> None:
    block = Block("", "text", "", "worker-heavy 0/0\n… passed in …\n", 1)
    assert shown(block, "NAME\nworker-heavy    0/0   0\n12 passed in 3.2s")
    assert not shown(block, "worker-heavy 1/1\n12 passed in 3.2s")
    assert not contains([{"a": 1}], [{"a": 2}])
