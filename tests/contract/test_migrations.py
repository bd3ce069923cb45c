"""Migrations run while the version before still works: nothing that it needs may be taken away or locked for long."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.apps import apps
from django_migration_linter import MigrationLinter
from django_migration_linter.sql_analyser.analyser import analyse_sql_statements, get_sql_analyser_class

APP = Path(__file__).resolve().parents[2] / "app"


@pytest.mark.covers(76)
@pytest.mark.django_db
def test_every_migration_suits_the_version_before(capsys: pytest.CaptureFixture[str]) -> None:
    ours = [config.label for config in apps.get_app_configs() if APP in Path(config.path).parents]
    linter = MigrationLinter(str(APP), include_apps=ours, no_cache=True, all_warnings_as_errors=True)
    linter.lint_all_migrations()
    assert linter.nb_total >= 3
    assert not linter.has_errors, (
        f"{capsys.readouterr().out}\nIn two releases: add what is new as nullable or with db_default, and take away "
        "what is old when no running version knows it any more. An index is added with AddIndexConcurrently"
    )


@pytest.mark.parametrize(
    "statement",
    [
        'ALTER TABLE "jobs_job" ADD COLUMN "size" integer NOT NULL;',
        'ALTER TABLE "jobs_job" DROP COLUMN "label" CASCADE;',
        'ALTER TABLE "jobs_job" RENAME COLUMN "label" TO "title";',
        'ALTER TABLE "jobs_job" RENAME TO "work";',
        'CREATE INDEX "slow" ON "jobs_job" ("label");',
    ],
)
def test_what_would_break_or_block_it_is_recognised(statement: str) -> None:
    analyser = get_sql_analyser_class("django.db.backends.postgresql")
    errors, _, warnings = analyse_sql_statements(analyser, [statement], [])
    assert errors or warnings
