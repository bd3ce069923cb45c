"""What the pages for operators tell to ask PostgreSQL can be asked: every table and column is there."""

from __future__ import annotations

import re

import pytest
from django.db import connection

from tests.guards.source import ROOT

PAGES = sorted((ROOT / "docs" / "operations").glob("*.md"))
STATEMENTS = [
    pytest.param(statement, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, statement in enumerate(re.findall(r'--command "([^"]+)"', page.read_text()))
]


def test_there_are_statements_to_try() -> None:
    assert len(STATEMENTS) >= 8


@pytest.mark.django_db
@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_of_a_page_is_one_for_our_database(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.description
