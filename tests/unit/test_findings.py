"""How findings are told: on a terminal and in a log."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management.base import OutputWrapper

from ops.findings import Fault, Finding, Note, Verdict, follow, show


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


FINDINGS = [
    Finding("redis port", Verdict.OK, "127.0.0.1:6379 accepts connections"),
    Finding("redis login", Verdict.FAULT, "the password [secret] is refused", "set another"),
]


@pytest.mark.parametrize("out", [StringIO(), Terminal()])
def test_every_finding_is_shown_with_its_mend_and_a_fault_is_told(out: StringIO) -> None:
    assert not show(FINDINGS, OutputWrapper(out))
    said = out.getvalue()
    for words in ("redis port", "accepts connections", "FAULT", "the password [secret] is refused; set another"):
        assert words in said


def test_a_log_gets_a_line_for_each_finding() -> None:
    out = StringIO()
    assert show(FINDINGS[:1], OutputWrapper(out))
    assert out.getvalue() == "ok     redis port: 127.0.0.1:6379 accepts connections\n"


def test_steps_are_taken_up_to_the_first_fault() -> None:
    taken: list[str] = []

    def step(name: str, ends: Exception | None = None) -> str:
        taken.append(name)
        if ends:
            raise ends
        return "fine"

    found = list(
        follow(
            [
                ("one", lambda: step("one")),
                ("two", lambda: step("two", Note("odd"))),
                ("three", lambda: step("three", Fault("broken", "mend it"))),
                ("four", lambda: step("four")),
            ]
        )
    )
    assert taken == ["one", "two", "three"]
    assert [(one.verdict, one.sentence) for one in found] == [
        (Verdict.OK, "fine"),
        (Verdict.NOTE, "odd"),
        (Verdict.FAULT, "broken; mend it"),
    ]


def test_a_check_that_breaks_off_is_a_fault_of_its_own_and_keeps_secrets() -> None:
    def broken() -> str:
        raise ConnectionError("redis://app:hunter2@host went away")

    [found] = follow([("redis rights", broken)])
    assert found.verdict == Verdict.FAULT
    assert found.seen == "the check broke off with ConnectionError: redis://app:***@host went away"
