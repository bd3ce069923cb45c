"""Jobs over HTTP: create, list, look at."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from accounts.models import User
from jobs.models import Job
from tests.contract.client import Program, places, problem, work_on
from tests.testapp.tasks import Echo, Trouble, echo, secret_echo, trouble


@pytest.mark.covers(102, 107)
def test_a_job_is_accepted_with_its_id_and_where_to_look(api: Program) -> None:
    response = api.create({"label": "the first one"})
    assert response.status_code == 202
    body = response.json()
    job = Job.objects.get(id=body["id"])
    assert (job.owner, job.payload["text"], job.label) == (api.user, "ab", "the first one")
    assert response["Location"] == body["links"]["self"] == f"http://testserver/api/v1/jobs/{job.id}"
    assert int(response["Retry-After"]) > 0


@pytest.mark.covers(103)
def test_every_link_of_a_job_leads_somewhere(api: Program) -> None:
    links = api.create().json()["links"]
    assert set(links) == {"self", "events", "stream", "files", "children", "cancel"}
    assert [api.see(links[name]).status_code for name in ("self", "events", "files", "children")] == [200] * 4
    assert api.post(links["cancel"]).status_code == 200


def test_a_job_shows_everything_its_owner_may_know(api: Program) -> None:
    body = api.see(f"/jobs/{api.create().json()['id']}").json()
    assert set(body) == {
        "id", "type", "label", "queue", "state", "reason", "attempt", "failures", "losses", "progress", "payload",
        "result", "error", "created_at", "run_at", "expires_at", "started_at", "finished_at", "cancel_requested",
        "retry_of", "retried_as", "parent", "links",
    }  # fmt: skip
    assert (body["state"], body["queue"], body["attempt"]) == ("queued", "default", 0)
    assert (body["reason"], body["error"], body["result"], body["progress"]) == (None, None, None, None)
    assert body["payload"] == {"text": "ab", "times": 1, "tags": []}


@pytest.mark.covers(105)
def test_a_result_is_read_from_the_job(api: Program) -> None:
    job_id = api.create({"payload": {"text": "ab", "times": 2}}).json()["id"]
    work_on(Job.objects.get(id=job_id))
    response = api.see(f"/jobs/{job_id}")
    assert (response.json()["state"], response.json()["result"]) == ("succeeded", {"text": "abab"})
    assert "Retry-After" not in response


@pytest.mark.covers(109)
def test_a_dead_job_shows_its_error_and_no_traceback(api: Program) -> None:
    dead = work_on(trouble.enqueue(Trouble(raises="unforeseen"), owner=api.user))
    response = api.see(f"/jobs/{dead.id}")
    assert (response.json()["state"], response.json()["reason"]) == ("dead", "failed")
    assert response.json()["error"] == "unexpected ValueError"
    assert "Traceback" in dead.traceback
    assert b"Traceback" not in response.content
    assert b"hunter2" not in response.content


@pytest.mark.covers(103, 112)
@pytest.mark.parametrize("path", ["", "/events", "/files"])
def test_another_users_job_is_as_unknown_as_one_that_never_was(api: Program, bob: User, path: str) -> None:
    bobs = echo.enqueue(Echo(text="ab"), owner=bob)
    for job_id in (bobs.id, uuid4(), "not-a-uuid"):
        assert problem(api.see(f"/jobs/{job_id}{path}")) == (404, "not_found")


def test_staff_see_with_a_token_what_is_theirs_and_nothing_else(bob: User) -> None:
    staff = User.objects.create_user("chief", is_staff=True, is_superuser=True)
    bobs = echo.enqueue(Echo(text="ab"), owner=bob)
    assert problem(Program(staff).see(f"/jobs/{bobs.id}")) == (404, "not_found")


@pytest.mark.covers(103)
def test_an_unchanged_job_is_not_sent_again(api: Program) -> None:
    job_id = api.create().json()["id"]
    first = api.see(f"/jobs/{job_id}")
    etag = first["ETag"]
    assert etag.startswith('"')
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = api.see(f"/jobs/{job_id}", If_None_Match=known)
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
        assert again["Retry-After"] == first["Retry-After"]


@pytest.mark.covers(103)
def test_a_changed_job_is_sent_again(api: Program) -> None:
    job_id = api.create().json()["id"]
    etag = api.see(f"/jobs/{job_id}")["ETag"]
    work_on(Job.objects.get(id=job_id))
    again = api.see(f"/jobs/{job_id}", If_None_Match=etag)
    assert again.status_code == 200
    assert again["ETag"] != etag


@pytest.mark.covers(103, 110)
def test_progress_changes_what_is_shown(api: Program) -> None:
    job_id = api.create().json()["id"]
    etag = api.see(f"/jobs/{job_id}")["ETag"]
    progress = {"current": 3, "total": 10, "unit": "rows", "message": ""}
    Job.objects.filter(id=job_id).update(progress=progress)
    again = api.see(f"/jobs/{job_id}", If_None_Match=etag)
    assert (again.status_code, again.json()["progress"]) == (200, progress)


def test_a_job_for_later_waits_and_says_so(api: Program) -> None:
    run_at = timezone.now() + timedelta(seconds=30)
    response = api.create({"run_at": run_at.isoformat()})
    assert response.json()["state"] == "scheduled"
    assert 2 <= int(response["Retry-After"]) <= 30
    assert response.json()["run_at"] == run_at.isoformat().replace("+00:00", "Z")


class TestIdempotencyKey:
    """The header Idempotency-Key."""

    @pytest.mark.covers(96)
    def test_a_repeat_is_answered_with_the_same_job(self, api: Program) -> None:
        first, second = (api.create(Idempotency_Key="order-17") for _ in range(2))
        assert (second.status_code, second.json()["id"]) == (202, first.json()["id"])
        assert Job.objects.count() == 1

    @pytest.mark.covers(96)
    @pytest.mark.parametrize(
        "change",
        [
            {"payload": {"text": "other"}},
            {"label": "other"},
            {"unique": "other"},
            {"run_at": "2030-01-01T00:00:00Z"},
            {"expires_at": "2030-01-01T00:00:00Z"},
            {"type": "testapp.trouble", "payload": {}},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_another_request_with_the_key_is_refused(self, api: Program, change: dict[str, object]) -> None:
        first = api.create(Idempotency_Key="order-17").json()
        response = api.create(change, Idempotency_Key="order-17")
        assert problem(response) == (422, "idempotency_conflict")
        assert response.json()["job"]["links"]["self"] == first["links"]["self"]
        assert Job.objects.count() == 1

    def test_two_users_may_use_the_same_key(self, api: Program, bobs_api: Program) -> None:
        ids = {program.create(Idempotency_Key="order-17").json()["id"] for program in (api, bobs_api)}
        assert len(ids) == 2

    @pytest.mark.parametrize("key", ["", "x" * 201, "with blank", "caf\xe9", "a\x00b"])
    def test_a_key_that_is_no_key_is_refused(self, api: Program, key: str) -> None:
        response = api.create(Idempotency_Key=key)
        assert problem(response) == (400, "invalid_header")
        assert places(response) == {"Idempotency-Key"}


class TestUniqueKey:
    """The body's `unique`."""

    @pytest.mark.covers(96)
    def test_a_second_active_job_is_refused_and_the_first_one_linked(self, api: Program) -> None:
        first = api.create({"unique": "report"}).json()
        response = api.create({"unique": "report"})
        assert problem(response) == (409, "job_already_active")
        assert response.json()["job"] == {"id": first["id"], "links": {"self": first["links"]["self"]}}

    def test_a_key_is_free_again_when_its_job_has_ended(self, api: Program) -> None:
        first = api.create({"unique": "report"}).json()
        work_on(Job.objects.get(id=first["id"]))
        assert api.create({"unique": "report"}).status_code == 202

    def test_nobody_can_take_anothers_key(self, api: Program, bobs_api: Program) -> None:
        echo.enqueue(Echo(text="ab"), unique="report")
        assert [program.create({"unique": "report"}).status_code for program in (api, bobs_api)] == [202, 202]


class TestList:
    """GET /jobs."""

    def test_jobs_are_listed_newest_first_without_what_can_be_large(self, api: Program, bob: User) -> None:
        echo.enqueue(Echo(text="ab"), owner=bob)
        ids = [api.create().json()["id"] for _ in range(3)]
        body = api.see("/jobs").json()
        assert [item["id"] for item in body["items"]] == sorted(ids, reverse=True)
        assert body["next"] is None
        assert not {"payload", "result"} & set(body["items"][0])

    def test_following_next_shows_every_job_once(self, api: Program) -> None:
        ids = {api.create().json()["id"] for _ in range(5)}
        seen: list[str] = []
        page: str | None = "/jobs?limit=2&state=queued"
        while page:
            body = api.see(page).json()
            assert len(body["items"]) <= 2
            seen += [item["id"] for item in body["items"]]
            page = body["next"]
        assert (len(seen), set(seen)) == (5, ids)

    def test_a_page_costs_as_many_queries_as_it_would_with_one_job(
        self, api: Program, django_assert_num_queries: object
    ) -> None:
        for _ in range(5):
            work_on(trouble.enqueue(Trouble(raises="permanent"), owner=api.user))
        with django_assert_num_queries(2):  # type: ignore[operator]
            assert len(api.see("/jobs").json()["items"]) == 5

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("type=testapp.echo", 1),
            ("type=testapp.never_was", 0),
            ("state=dead", 1),
            ("state=queued&type=testapp.trouble", 0),
            ("queue=default", 2),
            ("queue=io", 0),
            ("created_after=2020-01-01T00:00:00Z", 2),
            ("created_before=2020-01-01T00:00:00%2B01:00", 0),
        ],
    )
    def test_filters_narrow_the_list(self, api: Program, query: str, found: int) -> None:
        api.create()
        work_on(trouble.enqueue(Trouble(raises="permanent"), owner=api.user))
        assert len(api.see(f"/jobs?{query}").json()["items"]) == found

    @pytest.mark.covers(108)
    @pytest.mark.parametrize(
        ("query", "parameter"),
        [
            ("state=failed", "state"),
            ("queue=none", "queue"),
            ("cursor=1", "cursor"),
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=many", "limit"),
            ("created_after=yesterday", "created_after"),
            ("created_after=2020-01-01T00:00:00", "created_after"),
            ("created_after=1577836800", "created_after"),
            ("created_before=0001-01-01T00:00:00%2B14:00", "created_before"),
            ("type=%00", "type"),
            ("statee=dead", "statee"),
        ],
    )
    def test_a_filter_that_means_nothing_is_refused(self, api: Program, query: str, parameter: str) -> None:
        response = api.see(f"/jobs?{query}")
        assert problem(response) == (400, "invalid_parameter")
        assert places(response) == {parameter}


class TestEvents:
    """GET /jobs/{id}/events."""

    @pytest.mark.covers(58)
    def test_events_tell_what_happened_and_who_asked(self, api: Program) -> None:
        job_id = api.create().json()["id"]
        api.send(f"/jobs/{job_id}/cancel")
        items = api.see(f"/jobs/{job_id}/events").json()["items"]
        assert [(item["kind"], item["actor"]) for item in items] == [("created", "alice"), ("cancelled", "alice")]

    def test_events_are_read_page_by_page_and_from_the_last_one_seen(self, api: Program) -> None:
        job = work_on(echo.enqueue(Echo(text="ab"), owner=api.user))
        first = api.see(f"/jobs/{job.id}/events?limit=2").json()
        rest = api.see(first["next"]).json()
        assert [item["kind"] for item in first["items"] + rest["items"]] == ["created", "started", "succeeded"]
        assert rest["next"] is None
        last = rest["items"][-1]["id"]
        assert api.see(f"/jobs/{job.id}/events?after={last}").json() == {"items": [], "next": None}

    @pytest.mark.parametrize("after", ["-1", "x", str(2**63)])
    def test_a_place_that_is_none_is_refused(self, api: Program, after: str) -> None:
        job_id = api.create().json()["id"]
        assert problem(api.see(f"/jobs/{job_id}/events?after={after}")) == (400, "invalid_parameter")


class TestJobTypes:
    """GET /job-types."""

    @pytest.mark.covers(16)
    def test_a_job_type_says_all_that_is_needed_to_ask_for_it(self, api: Program) -> None:
        items = {item["name"]: item for item in api.see("/job-types").json()["items"]}
        shown = items["testapp.echo"]
        assert (shown["queue"], shown["description"]) == ("default", "Says back what it was given.")
        assert shown["schema"]["required"] == ["text"]
        assert items["testapp.trouble"]["retry"] == {"attempts": 3, "first": 0.1, "longest": 600}
        assert api.see(shown["links"]["self"]).json() == shown

    def test_a_job_type_that_is_not_exposed_is_unknown(self, api: Program) -> None:
        assert secret_echo.name not in {item["name"] for item in api.see("/job-types").json()["items"]}
        assert problem(api.see(f"/job-types/{secret_echo.name}")) == (404, "not_found")
        assert problem(api.create({"type": secret_echo.name})) == (422, "unknown_job_type")
        assert Job.objects.count() == 0


def test_ids_sort_by_time(api: Program) -> None:
    ids = [UUID(api.create().json()["id"]) for _ in range(2)]
    assert ids[0].version == 7
