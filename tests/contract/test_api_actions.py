"""Jobs over HTTP: cancel and retry."""

from __future__ import annotations

import pytest

from accounts.models import User
from jobs.execution import claim
from jobs.models import Job
from jobs.states import State
from tests.contract.client import Program, places, problem, work_on
from tests.testapp.tasks import Echo, Nap, Trouble, echo, nap, trouble


@pytest.mark.covers(112)
@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_another_users_job_cannot_be_touched(api: Program, bob: User, action: str) -> None:
    bobs = echo.enqueue(Echo(text="ab"), owner=bob)
    assert problem(api.send(f"/jobs/{bobs.id}/{action}")) == (404, "not_found")
    bobs.refresh_from_db()
    assert (bobs.state, bobs.cancel_requested) == (State.QUEUED, False)


class TestCancel:
    """POST /jobs/{id}/cancel."""

    def test_a_waiting_job_is_cancelled_at_once(self, api: Program) -> None:
        job_id = api.create().json()["id"]
        response = api.send(f"/jobs/{job_id}/cancel")
        assert response.status_code == 200
        assert (response.json()["state"], response.json()["reason"]) == ("cancelled", "requested")
        assert not {"cancel", "retry"} & set(response.json()["links"])

    def test_a_running_job_is_asked_to_stop(self, api: Program) -> None:
        job = nap.enqueue(Nap(), owner=api.user)
        claim(job.id)
        for _ in range(2):
            response = api.send(f"/jobs/{job.id}/cancel")
            assert (response.status_code, response.json()["cancel_requested"]) == (202, True)
            assert "cancel" not in response.json()["links"]
        assert [event.kind for event in job.events.all()] == ["created", "started", "cancel_requested"]

    def test_cancelling_again_changes_nothing(self, api: Program) -> None:
        job_id = api.create().json()["id"]
        bodies = [api.send(f"/jobs/{job_id}/cancel").json() for _ in range(2)]
        assert bodies[0] == bodies[1]

    def test_a_job_that_succeeded_cannot_be_cancelled(self, api: Program) -> None:
        job = work_on(echo.enqueue(Echo(text="ab"), owner=api.user))
        assert problem(api.send(f"/jobs/{job.id}/cancel")) == (409, "wrong_state")


class TestRetry:
    """POST /jobs/{id}/retry."""

    @pytest.mark.covers(53)
    def test_a_dead_job_is_repeated_as_a_new_one_that_names_it(self, api: Program) -> None:
        dead = work_on(trouble.enqueue(Trouble(raises="permanent"), owner=api.user))
        assert "retry" in api.see(f"/jobs/{dead.id}").json()["links"]
        response = api.send(f"/jobs/{dead.id}/retry")
        assert response.status_code == 202
        assert response["Location"] == response.json()["links"]["self"]
        assert (response.json()["retry_of"], response.json()["state"]) == (str(dead.id), "queued")
        origin = api.see(f"/jobs/{dead.id}").json()
        assert (origin["state"], origin["retried_as"]) == ("dead", response.json()["id"])
        assert "retry" not in origin["links"]

    def test_asking_again_is_answered_with_the_same_new_job(self, api: Program) -> None:
        dead = work_on(trouble.enqueue(Trouble(raises="permanent"), owner=api.user))
        assert len({api.send(f"/jobs/{dead.id}/retry").json()["id"] for _ in range(2)}) == 1

    def test_a_job_that_is_not_dead_cannot_be_retried(self, api: Program) -> None:
        job_id = api.create().json()["id"]
        assert problem(api.send(f"/jobs/{job_id}/retry")) == (409, "wrong_state")

    def test_a_dead_job_whose_payload_no_longer_fits_cannot_be_retried(self, api: Program) -> None:
        dead = work_on(trouble.enqueue(Trouble(raises="permanent"), owner=api.user))
        Job.objects.filter(id=dead.id).update(payload={"raises": 1})
        response = api.send(f"/jobs/{dead.id}/retry")
        assert problem(response) == (422, "invalid_payload")
        assert places(response) == {"#/payload/raises"}
