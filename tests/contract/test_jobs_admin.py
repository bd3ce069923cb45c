"""Jobs in the admin: to look at, and three things to do."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from jobs import admin as jobs_admin
from jobs.execution import claim
from jobs.files import store
from jobs.models import Job
from jobs.states import State
from tests.contract.client import work_on
from tests.testapp.tasks import Echo, Trouble, echo, trouble

LIST = "/admin/jobs/job/"


def staff(name: str, *permissions: str) -> Client:
    """The browser of a member of staff who has these permissions."""
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator(db: None) -> Client:
    return staff("olga", "view_job", "change_job", "view_jobevent", "view_file")


@pytest.fixture
def dead(alice: User) -> Job:
    return work_on(trouble.enqueue(Trouble(raises="unforeseen"), owner=alice))


def act(client: Client, action: str, *jobs: Job, **more: str) -> Any:
    form = {"action": action, "_selected_action": [str(job.id) for job in jobs], **more}
    return client.post(LIST, form, follow=True)


def said(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


@pytest.mark.covers(53)
def test_dead_letters_are_one_filter_away(operator: Client, dead: Job) -> None:
    waiting = echo.enqueue(Echo(text="ab"))
    page = operator.get(LIST, {"state__exact": "dead"}).content.decode()
    assert str(dead.id) in page
    assert str(waiting.id) not in page


@pytest.mark.parametrize("term", ["{id}", "testapp.tr", "alice"])
def test_a_job_is_found_by_id_type_and_owner(operator: Client, dead: Job, term: str) -> None:
    other = echo.enqueue(Echo(text="ab"))
    page = operator.get(LIST, {"q": term.format(id=dead.id)}).content.decode()
    assert str(dead.id) in page
    assert str(other.id) not in page


@pytest.mark.parametrize("query", [{"q": "%_'\""}, {"type": "testapp.echo"}, {"queue__exact": "io"}, {"q": ""}])
def test_the_list_can_be_narrowed(operator: Client, dead: Job, query: dict[str, str]) -> None:
    assert operator.get(LIST, query).status_code == 200


@pytest.mark.covers(52, 109)
def test_a_dead_letter_shows_payload_traceback_and_history_to_staff(operator: Client, dead: Job) -> None:
    page = operator.get(reverse("admin:jobs_job_change", args=[dead.id])).content.decode()
    assert "&quot;raises&quot;: &quot;unforeseen&quot;" in page
    assert "Traceback (most recent call last)" in page
    assert "hunter2" not in page
    assert "started" in page


@pytest.mark.covers(82)
def test_what_looks_like_a_secret_is_blacked_out(operator: Client, dead: Job) -> None:
    Job.objects.filter(id=dead.id).update(payload={"api_key": "4711-0815"})
    assert "4711-0815" not in operator.get(reverse("admin:jobs_job_change", args=[dead.id])).content.decode()


def test_the_list_costs_the_same_however_many_jobs_it_shows(
    operator: Client, alice: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        echo.enqueue(Echo(text="ab"), owner=alice)
    with django_assert_max_num_queries(8):
        operator.get(LIST)


class TestActions:
    """Retry, cancel and discard."""

    @pytest.mark.covers(45, 53)
    def test_a_retried_dead_letter_runs_again_and_its_history_says_who_asked(self, operator: Client, dead: Job) -> None:
        assert said(act(operator, "retry", dead)) == ["1 retried."]
        repeat = Job.objects.get(retry_of=dead)
        assert (repeat.state, repeat.owner) == (State.QUEUED, dead.owner)
        event = dead.events.get(kind="retried")
        assert event.actor is not None
        assert event.actor.username == "olga"

    @pytest.mark.covers(45)
    def test_a_waiting_job_is_cancelled_and_a_running_one_asked_to_stop(self, operator: Client) -> None:
        waiting, running = (echo.enqueue(Echo(text="ab")) for _ in range(2))
        claim(running.id)
        assert said(act(operator, "cancel", waiting, running)) == ["2 cancelled or asked to stop."]
        assert Job.objects.get(id=waiting.id).state == State.CANCELLED
        assert Job.objects.get(id=running.id).cancel_requested
        assert [job.events.last().actor.username for job in (waiting, running)] == ["olga", "olga"]

    @pytest.mark.covers(45, 53)
    def test_a_discarded_dead_letter_leaves_the_list(self, operator: Client, dead: Job) -> None:
        assert said(act(operator, "discard", dead)) == ["1 discarded."]
        dead.refresh_from_db()
        assert (dead.state, dead.reason) == (State.CANCELLED, "discarded")
        assert dead.events.last().actor.username == "olga"

    def test_what_cannot_be_done_is_said_job_by_job(self, operator: Client, dead: Job) -> None:
        waiting = echo.enqueue(Echo(text="ab"))
        assert said(act(operator, "retry", dead, waiting)) == [
            "1 retried.",
            f"{waiting.id}: the job is queued; only a dead one can be retried",
        ]

    def test_too_many_at_once_are_refused_as_a_whole(
        self, operator: Client, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs_admin, "ACTED_ON_MAX", 2)
        jobs = [echo.enqueue(Echo(text="ab"), owner=alice) for _ in range(3)]
        [sentence] = said(act(operator, "cancel", jobs[0], select_across="1"))
        assert sentence == "More than 2 jobs were selected, and nothing was done; narrow the list by a filter."
        assert not Job.objects.exclude(state=State.QUEUED).exists()

    def test_whoever_may_only_look_is_offered_no_action(self, db: None, dead: Job) -> None:
        visitor = staff("vera", "view_job")
        assert 'name="action"' not in visitor.get(LIST).content.decode()
        act(visitor, "discard", dead)
        dead.refresh_from_db()
        assert dead.state == State.DEAD

    def test_whoever_may_not_look_sees_nothing(self, db: None, dead: Job) -> None:
        stranger = staff("steve")
        assert stranger.get(LIST).status_code == 403
        assert Client().get(LIST).status_code == 302


@pytest.mark.parametrize("model", ["job", "file"])
def test_even_a_superuser_edits_and_deletes_nothing(admin_client: Client, dead: Job, alice: User, model: str) -> None:
    row = dead if model == "job" else store(alice, "a.csv", "text/csv", b"some content")
    for place in (f"/admin/jobs/{model}/add/", f"/admin/jobs/{model}/{row.pk}/delete/"):
        assert admin_client.get(place).status_code == 403
    page = admin_client.get(f"/admin/jobs/{model}/{row.pk}/change/")
    assert page.status_code == 200
    assert "_save" not in page.content.decode()
    assert admin_client.post(f"/admin/jobs/{model}/{row.pk}/change/", {"label": "x"}).status_code == 403


def test_a_file_is_listed_and_shown_without_its_content(operator: Client, alice: User) -> None:
    file = store(alice, "a.csv", "text/csv", b"some content")
    for place in ("/admin/jobs/file/", f"/admin/jobs/file/{file.id}/change/"):
        page = operator.get(place).content.decode()
        assert "a.csv" in page
        assert "some content" not in page
