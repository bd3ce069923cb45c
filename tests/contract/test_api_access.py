"""Who may ask over HTTP, and for what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.urls import URLResolver, get_resolver, path
from django.utils import timezone

from accounts.models import ApiToken, Scope, User
from accounts.views import ScopedView
from tests.contract.client import API, Program, problem


class TestScopes:
    """Every view and method needs exactly one scope."""

    MATRIX = [
        ("GET", "/job-types", Scope.JOBS_READ, 200),
        ("GET", "/job-types/testapp.echo", Scope.JOBS_READ, 200),
        ("GET", "/jobs", Scope.JOBS_READ, 200),
        ("HEAD", "/jobs", Scope.JOBS_READ, 200),
        ("POST", "/jobs", Scope.JOBS_WRITE, 422),
        ("GET", "/jobs/{id}", Scope.JOBS_READ, 404),
        ("GET", "/jobs/{id}/events", Scope.JOBS_READ, 404),
        ("GET", "/jobs/{id}/stream", Scope.JOBS_READ, 404),
        ("GET", "/jobs/{id}/files", Scope.JOBS_READ, 404),
        ("POST", "/jobs/{id}/cancel", Scope.JOBS_WRITE, 404),
        ("POST", "/jobs/{id}/retry", Scope.JOBS_WRITE, 404),
        ("GET", "/dead-letters", Scope.JOBS_READ, 200),
        ("POST", "/dead-letters/0123456789abcdef/retry", Scope.JOBS_WRITE, 200),
        ("POST", "/dead-letters/0123456789abcdef/discard", Scope.JOBS_WRITE, 200),
        ("POST", "/files", Scope.JOBS_WRITE, 422),
        ("GET", "/files/{id}", Scope.JOBS_READ, 404),
        ("GET", "/files/{id}/content", Scope.JOBS_READ, 404),
        ("GET", "/queues", Scope.QUEUES_READ, 200),
        ("GET", "/queues/io", Scope.QUEUES_READ, 200),
    ]

    @pytest.mark.covers(112)
    @pytest.mark.parametrize(("method", "place", "needed", "status"), MATRIX)
    def test_a_token_needs_the_scope_and_no_other(
        self, alice: User, method: str, place: str, needed: Scope, status: int
    ) -> None:
        url = API + place.format(id="00000000-0000-7000-8000-000000000000")
        assert Program(alice, [needed]).generic(method, url).status_code == status
        response = Program(alice, [scope for scope in Scope if scope != needed]).generic(method, url)
        assert response.status_code == 403
        if method != "HEAD":
            assert problem(response) == (403, "missing_scope")
            assert response.json()["scope"] == needed

    @pytest.mark.covers(112)
    def test_the_matrix_knows_every_path(self) -> None:
        jobs = next(
            one for one in get_resolver().url_patterns if isinstance(one, URLResolver) and one.app_name == "jobs"
        )
        names = {one.name for one in jobs.url_patterns} - {"schema"}
        found = {
            get_resolver().resolve(API + place.format(id="00000000-0000-7000-8000-000000000000")).url_name
            for _, place, _, _ in self.MATRIX
        }
        assert names == found

    def test_a_view_without_scopes_answers_nobody(self, alice: User, settings: LazySettings) -> None:
        settings.ROOT_URLCONF = Routes
        response = Program(alice).get("/api/forgetful")
        assert problem(response) == (405, "method_not_allowed")


class Forgetful(ScopedView):
    """A view whose author forgot the scopes."""

    def get(self, request: Any) -> None: ...


class Routes:
    """A URL configuration for that view."""

    urlpatterns = [path("api/forgetful", Forgetful.as_view())]


class TestTokens:
    """Who is let in."""

    @pytest.mark.covers(112)
    @pytest.mark.parametrize("header", ["", "Basic YWxpY2U6eA==", "Token x"])
    def test_without_a_token_the_answer_says_which_kind_is_needed(self, db: None, header: str) -> None:
        response = Client(headers={"Authorization": header} if header else None).get(f"{API}/jobs")
        assert problem(response) == (401, "not_authenticated")
        assert response["WWW-Authenticate"] == "Bearer"

    @pytest.mark.covers(112)
    @pytest.mark.parametrize(
        "header", ["Bearer", "Bearer ", "Bearer x", "Bearer \xff", "bearer dck_ x", "Bearer a\x00"]
    )
    def test_a_token_that_is_none_is_refused(self, db: None, header: str) -> None:
        response = Client(headers={"Authorization": header}).get(f"{API}/jobs")
        assert problem(response) == (401, "invalid_token")
        assert response["WWW-Authenticate"] == "Bearer"

    @pytest.mark.covers(112)
    def test_a_token_ends_with_its_time_its_user_and_itself(self, alice: User) -> None:
        endings = [
            lambda: ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1)),
            lambda: User.objects.update(is_active=False),
            lambda: ApiToken.objects.all().delete(),
        ]
        for end in endings:
            program = Program(alice)
            assert program.see("/jobs").status_code == 200
            end()
            assert problem(program.see("/jobs")) == (401, "invalid_token")
            User.objects.update(is_active=True)

    @pytest.mark.covers(112)
    def test_the_database_holds_no_token(self, api: Program) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT accounts_apitoken::text FROM accounts_apitoken")
            assert api.secret not in cursor.fetchone()[0]

    def test_a_session_of_the_admin_opens_no_api(self, admin_client: Client) -> None:
        assert problem(admin_client.get(f"{API}/jobs")) == (401, "not_authenticated")
