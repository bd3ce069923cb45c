"""The OpenAPI document: it is true, complete, and the one that is committed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from django.conf import settings as django_settings
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from config.problems import Code
from config.wsgi import application
from jobs import registry, selectors
from jobs.api.views.document import document
from jobs.files import store
from tests.contract.client import API, Program, work_on
from tests.testapp.tasks import Trouble, trouble

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "docs" / "openapi.yaml"
NAMES = ROOT / "tests" / "guards" / "names.toml"
GENERATE = ["-m", "config", "manage", "spectacular", "--validate", "--fail-on-warn"]

described = schemathesis.openapi.from_wsgi(f"{API}/schema", application)


@pytest.fixture
def known(api: Program) -> dict[str, dict[str, str]]:
    """What stands in a path that leads somewhere, by the path's beginning."""
    dead = work_on(trouble.enqueue(Trouble(raises="permanent"), owner=api.user))
    return {
        "/api/v1/jobs/": {"job_id": str(dead.id)},
        "/api/v1/files/": {"file_id": str(store(api.user, "a.csv", "text/csv", b"x").id)},
        "/api/v1/job-types/": {"name": "testapp.echo"},
        "/api/v1/queues/": {"name": "io"},
    }


@pytest.mark.covers(108, 113)
@pytest.mark.django_db(transaction=True)
@described.parametrize()
@settings(max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_every_operation_answers_as_it_is_described(case: Any, api: Program, known: dict[str, dict[str, str]]) -> None:
    """Valid and invalid requests of every kind: no 5xx, only described statuses and bodies, nothing wrong accepted."""
    if case.meta.generation.mode.is_positive:
        for beginning, names in known.items():
            if case.path.startswith(beginning):
                case.path_parameters.update(names)
    # How a body is framed is nothing that OpenAPI describes. It was drawn because our code names it; a test in
    # test_api_problems.py sends it.
    case.headers = {name: text for name, text in (case.headers or {}).items() if name != "Transfer-Encoding"}
    case.call_and_validate(
        headers={"Authorization": f"Bearer {api.secret}"},
        # A schema cannot say all that a request must be: that one time is later than another, for example.
        excluded_checks=[positive_data_acceptance],
    )


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document())
    return found


@pytest.mark.covers(113)
def test_each_job_type_has_its_own_payload_and_is_told_apart_by_its_name(openapi: dict[str, Any]) -> None:
    schemas = openapi["components"]["schemas"]
    mapping = schemas["NewJobRequest"]["discriminator"]["mapping"]
    assert list(mapping) == [declared.name for declared in selectors.exposed_types()]
    echo = schemas["TestappEchoJobRequest"]
    assert echo["properties"]["type"]["const"] == "testapp.echo"
    assert echo["properties"]["payload"] == {"$ref": "#/components/schemas/TestappEchoPayload"}
    assert echo["required"] == ["type", "payload"]
    assert schemas["TestappEchoPayload"]["properties"]["times"]["maximum"] == 10


@pytest.mark.covers(109, 113)
def test_every_operation_describes_its_problems_and_its_scope(openapi: dict[str, Any]) -> None:
    operations = [operation for path in openapi["paths"].values() for operation in path.values()]
    assert len(operations) >= 14
    for operation in operations:
        [security] = operation["security"]
        assert len(security["token"]) == 1, operation["operationId"]
        for status in ("400", "401", "403", "500", "503"):
            [schema] = [content["schema"] for content in operation["responses"][status]["content"].values()]
            assert schema == {"$ref": "#/components/schemas/Problem"}
    assert openapi["components"]["schemas"]["Code"]["enum"] == [code.value for code in Code]


def test_without_job_types_the_document_still_describes_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_types", {})
    bare = json.loads(document.__wrapped__())
    assert bare["components"]["schemas"]["NewJobRequest"]["properties"]["type"]["type"] == "string"


@pytest.mark.covers(113)
def test_the_committed_document_is_the_generated_one() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test", "PYTHONPATH": ""}
    generated = subprocess.run(
        [sys.executable, *GENERATE], cwd=ROOT / "app", env=environment, capture_output=True, text=True, check=False
    )
    assert generated.returncode == 0, generated.stderr
    stale = "docs/openapi.yaml is not what the code says; write it anew and look at the difference: make docs"
    if "examples" in django_settings.INSTALLED_APPS:
        assert generated.stdout == COMMITTED.read_text(), stale
    else:
        assert without_examples(generated.stdout) == without_examples(COMMITTED.read_text()), stale


def without_examples(text: str) -> dict[str, Any]:
    """The document but for the examples' job types, so that to delete them is no change of anything else."""
    described: dict[str, Any] = yaml.safe_load(text)
    schemas = described["components"]["schemas"]
    names = tomllib.loads(NAMES.read_text())["examples"]["job_types"]
    beginnings = tuple(re.sub(r"[._]", " ", name).title().replace(" ", "") for name in names)
    theirs = [name for name in schemas if name.startswith(beginnings)]
    # It lists the job types where there are any.
    for name in (*theirs, "NewJobRequest"):
        del schemas[name]
    return described
