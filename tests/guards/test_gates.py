"""The gates: Django's own checks pass, and what runs before a commit is what `make check` runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml
from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from tests.guards.source import APP, ROOT, told

MAKEFILE = (ROOT / "Makefile").read_text()
HOOKS = ROOT / ".pre-commit-config.yaml"
# What the production settings ask for, with values that a real deployment could have.
PRODUCTION = {
    "PATH": os.environ["PATH"],
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "b7Yt0pLq9Zx3Wm5Rc8Vn2Ks6Hd1Jf4Gu-Xa_EoTiByPwQzMh-and-some-more",
    "ALLOWED_HOSTS": "jobs.example.com",
    "DATABASE_URL": "postgresql://app@db.example:5432/app",
    "REDIS_URL": "rediss://redis.example:6379/0",
    "REDIS_CA_PATH": str(ROOT / "pyproject.toml"),
}


def test_no_migration_is_missing() -> None:
    """What `makemigrations --check` finds, without a database to look for."""
    loader = MigrationLoader(None)
    detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
    ours = {config.label for config in apps.get_app_configs() if APP in Path(config.path).parents}
    changes = detector.changes(graph=loader.graph)
    missing = {f"{app}: {migrations[0].operations}" for app, migrations in changes.items() if app in ours}
    assert len(ours) >= 4
    assert not missing, told(missing, "the models have changed: make migrations")


def test_django_has_nothing_to_say_against_the_production_settings() -> None:
    command = [sys.executable, "-m", "config", "manage", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=APP, env=PRODUCTION, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_hooks_run_before_a_commit_are_the_gates_of_make_check() -> None:
    [gates] = re.findall(r"^check: (.+?)(?: ##.*)?$", MAKEFILE, re.MULTILINE)
    hooks = [hook for repository in yaml.safe_load(HOOKS.read_text())["repos"] for hook in repository["hooks"]]
    assert [hook["entry"] for hook in hooks] == [f"make {gate}" for gate in gates.split()]
    for hook in hooks:
        assert hook["language"] == "system", f"{hook['id']} would fetch something from the network"
        assert hook["pass_filenames"] is False


def test_every_target_of_make_is_explained() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE)) - {"help"}
    explained = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
    assert len(targets) >= 15
    assert targets == explained, "say after ## what it does"
    [phony] = re.findall(r"^\.PHONY: (.+)$", MAKEFILE.replace("\\\n", " "), re.MULTILINE)
    assert targets | {"help"} == set(phony.split())
