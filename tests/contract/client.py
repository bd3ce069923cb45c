"""The API as a program with a token sees it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.test import Client

from accounts.models import ApiToken, Scope, User
from jobs.execution import claim, finish, perform
from jobs.models import Job

API = "/api/v1"


class Program(Client):
    """Acts for a user; every scope unless said otherwise."""

    def __init__(self, user: User, scopes: list[Scope] | None = None, **options: Any) -> None:
        _, self.secret = ApiToken.issue(user, "tests", None if scopes is None else [scope.value for scope in scopes])
        super().__init__(headers={"Authorization": f"Bearer {self.secret}"}, **options)
        self.user = user

    def see(self, path: str, **headers: str) -> Any:
        """GET; header names with underscores."""
        return self.get(path if path.startswith("http") else API + path, headers=_headers(headers))

    def send(self, path: str, body: Any = None, **headers: str) -> Any:
        """POST of JSON; bytes and text are sent as they are."""
        return self.post(API + path, body, content_type="application/json", headers=_headers(headers))

    def create(self, body: dict[str, Any] | None = None, **headers: str) -> Any:
        """Ask for a job; one that echoes unless said otherwise."""
        return self.send("/jobs", {"type": "testapp.echo", "payload": {"text": "ab"}, **(body or {})}, **headers)


def _headers(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def problem(response: HttpResponse | Any) -> tuple[int, str]:
    """The status and code of a problem, which has all that a problem must have."""
    assert response["Content-Type"] == "application/problem+json", response.content[:500]
    body = response.json()
    assert body["status"] == response.status_code
    assert body["type"] == f"/problems/{body['code'].replace('_', '-')}"
    assert body["title"]
    assert body["instance"].startswith("/")
    assert "Traceback" not in response.content.decode()
    return body["status"], body["code"]


def places(response: Any) -> set[str]:
    """Where the faults of a problem are."""
    return {
        fault.get("pointer") or fault.get("parameter") or fault["header"] for fault in response.json().get("errors", ())
    }


def work_on(job: Job) -> Job:
    """Do what a worker does with a job, without a broker. Returns the row as it is afterwards."""
    claimed = claim(job.id)
    assert claimed is not None
    assert finish(claimed, perform(claimed, 60))
    return Job.objects.get(id=job.id)
