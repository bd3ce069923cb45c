"""Dead letters by kind, over the API and at the command line."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from accounts.models import User
from jobs.models import Job
from jobs.states import State
from tests.contract.client import Program, work_on
from tests.testapp.tasks import Trouble, trouble


@pytest.fixture
def deaths(alice: User, bob: User) -> list[Job]:
    """Three of one kind and one of another of Alice's, and one of Bob's."""
    wanted = [*[(alice, "permanent")] * 3, (alice, "unforeseen"), (bob, "permanent")]
    return [work_on(trouble.enqueue(Trouble(raises=raises), owner=owner)) for owner, raises in wanted]


@pytest.mark.covers(53)
def test_dead_letters_are_listed_by_kind_and_only_ones_own(api: Program, deaths: list[Job]) -> None:
    kinds = api.see("/dead-letters").json()["items"]
    assert sorted((kind["count"], kind["error"]) for kind in kinds) == [
        (1, "unexpected ValueError"),
        (3, "Permanent: the other side refuses"),
    ]


@pytest.mark.covers(53)
def test_a_kind_is_retried_at_once_each_as_a_new_job_that_names_it(api: Program, deaths: list[Job]) -> None:
    kind = next(kind for kind in api.see("/dead-letters").json()["items"] if kind["count"] == 3)
    answer = api.send(f"/dead-letters/{kind['fingerprint']}/retry").json()
    assert answer == {"done": 3, "left": 0, "refused": []}
    assert set(Job.objects.exclude(retry_of=None).values_list("retry_of_id", flat=True)) == {
        job.id for job in deaths[:3]
    }
    assert len(api.see("/dead-letters").json()["items"]) == 1


def test_a_kind_is_discarded_at_once(api: Program, deaths: list[Job]) -> None:
    for kind in api.see("/dead-letters").json()["items"]:
        api.send(f"/dead-letters/{kind['fingerprint']}/discard")
    assert api.see("/dead-letters").json()["items"] == []
    assert Job.objects.filter(state=State.DEAD).count() == 1


def test_the_command_line_sees_everybodys(deaths: list[Job]) -> None:
    listed = StringIO()
    call_command("dead_letters", "list", stdout=listed)
    assert len(listed.getvalue().splitlines()) == 2
    said = StringIO()
    call_command("dead_letters", "retry", deaths[0].fingerprint, stdout=said)
    assert said.getvalue().strip() == "retry: 4 of 4"
