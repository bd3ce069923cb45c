"""Parents, children, effects, limits and quotas, on real workers."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from accounts.models import User
from jobs import outcomes
from jobs.effects import Guarantee
from jobs.execution import claim, finish, perform
from jobs.models import Job
from jobs.orders import QuotaExceeded, enqueue_many
from jobs.registry import NoPayload
from jobs.relay import sweep
from jobs.services import cancel, retry
from jobs.states import Reason, State
from tests.integration.conftest import Stack
from tests.polling import wait_for
from tests.testapp.models import Run
from tests.testapp.tasks import Costly, Deed, Nap, Part, Whole, costly, deed, limited, part, rationed, whole


@pytest.mark.covers(31, 86)
def test_a_parent_gets_the_results_of_its_children_and_goes_on(stack: Stack) -> None:
    stack.worker()
    parent = whole.enqueue(Whole(parts=20))
    ended = stack.ended([parent], 30)[parent.id]
    assert (ended.state, ended.result) == (State.SUCCEEDED, {"total": 380, "doubled": 760}), ended.traceback
    assert Job.objects.filter(parent=parent).count() == 21
    assert ended.failures == ended.losses == 0


@pytest.mark.covers(31)
def test_a_failed_child_fails_its_parent_with_a_pointer_and_stops_the_others(stack: Stack) -> None:
    stack.worker()
    parent = whole.enqueue(Whole(parts=40, failing=0, seconds=0.2))
    ended = stack.ended([parent], 30)[parent.id]
    failed = Job.objects.get(parent=parent, position=0, step="parts")
    assert (ended.state, failed.state) == (State.DEAD, State.DEAD)
    assert str(failed.id) in ended.error
    stack.ended(list(Job.objects.filter(parent=parent)), 30)
    assert Job.objects.filter(parent=parent, state=State.CANCELLED).exists()


def test_a_waiting_parent_whose_last_child_ended_unseen_is_woken_by_the_relay(stack: Stack) -> None:
    stack.worker()
    parent = whole.enqueue(Whole(parts=2, seconds=2))
    wait_for(lambda: Job.objects.filter(id=parent.id, reason=Reason.WAITING).exists(), 30, what="the parent waits")
    stack.stop()
    Job.objects.filter(parent=parent).update(state=State.SUCCEEDED, result=1)
    stack.worker()
    stack.relay()
    assert stack.ended([parent], 30)[parent.id].state == State.SUCCEEDED


def test_cancelling_a_parent_cancels_its_children(stack: Stack) -> None:
    stack.worker()
    parent = whole.enqueue(Whole(parts=100, seconds=0.5))
    wait_for(lambda: Job.objects.filter(id=parent.id, reason=Reason.WAITING).exists(), 30, what="the parent waits")
    assert cancel(parent.id).state == State.CANCELLED
    children = list(Job.objects.filter(parent=parent))
    stack.ended(children, 30)
    assert Job.objects.filter(parent=parent, state=State.CANCELLED).count() >= 20


def test_a_parent_that_is_asked_to_stop_before_it_has_children_takes_them_along(stack: Stack) -> None:
    parent = begun(whole.enqueue(Whole(parts=3)))
    cancel(parent.id)
    finish(parent, perform(parent, 60))
    assert Job.objects.filter(parent=parent).count() == 3
    assert set(Job.objects.values_list("state", "reason")) == {(State.CANCELLED, Reason.REQUESTED)}


def test_a_waiting_parent_that_expires_takes_its_children_along(stack: Stack) -> None:
    parent = begun(whole.enqueue(Whole(parts=3)))
    finish(parent, perform(parent, 60))
    Job.objects.filter(id=parent.id).update(expires_at=Now())
    sweep()
    assert Job.objects.get(id=parent.id).reason == Reason.EXPIRED
    assert set(Job.objects.values_list("state", flat=True)) == {State.CANCELLED}


def test_a_parent_that_dies_takes_its_children_along(stack: Stack) -> None:
    parent = begun(whole.enqueue(Whole(parts=3)))
    perform(parent, 60)
    finish(parent, outcomes.dead(Reason.LOST, "the attempt's worker vanished, 3 times"))
    assert set(Job.objects.filter(parent=parent).values_list("state", flat=True)) == {State.CANCELLED}


def begun(job: Job) -> Job:
    """The job in its first attempt, whose steps the test takes itself."""
    claimed = claim(job.id)
    assert claimed
    return claimed


def test_ten_thousand_children_are_asked_for_in_less_than_ten_seconds_of_cpu(stack: Stack) -> None:
    began = time.process_time()
    made = enqueue_many(part.order(Part(number=number)) for number in range(10_000))
    assert time.process_time() - began < 10
    assert made == stack.messages() == Job.objects.count() == 10_000
    assert Job.objects.filter(dispatched_at=None).count() == 0


@pytest.mark.covers(97)
@pytest.mark.parametrize(
    ("wanted", "times", "state"),
    [
        (Deed(guarantee=Guarantee.AT_LEAST_ONCE, dies="after"), 1, State.SUCCEEDED),
        (Deed(guarantee=Guarantee.AT_LEAST_ONCE, dies="within"), 2, State.SUCCEEDED),
        (Deed(guarantee=Guarantee.AT_MOST_ONCE, dies="after"), 1, State.SUCCEEDED),
        (Deed(guarantee=Guarantee.AT_MOST_ONCE, dies="within"), 1, State.DEAD),
        (Deed(guarantee=Guarantee.EXACTLY_ONCE, dies="after"), 1, State.SUCCEEDED),
        (Deed(guarantee=Guarantee.EXACTLY_ONCE, dies="within"), 1, State.SUCCEEDED),
    ],
    ids=lambda value: f"{value.guarantee.value}, killed {value.dies}" if isinstance(value, Deed) else "",
)
def test_an_effect_happens_as_often_as_its_author_chose(stack: Stack, wanted: Deed, times: int, state: State) -> None:
    stack.worker()
    job = deed.enqueue(wanted)
    ended = stack.ended([job], 30)[job.id]
    assert (ended.state, Run.objects.filter(job_id=job.id).count()) == (state, times), ended.traceback


def test_a_retried_dead_letter_does_not_repeat_its_effects(stack: Stack) -> None:
    stack.worker()
    job = deed.enqueue(Deed(guarantee=Guarantee.AT_LEAST_ONCE, dies="after", until_attempt=100))
    assert stack.ended([job], 30)[job.id].state == State.DEAD
    Job.objects.filter(id=job.id).update(payload={"guarantee": "at least once"})
    again = retry(job.id)
    ended = stack.ended([again], 30)[again.id]
    assert ended.state == State.SUCCEEDED
    assert ended.result == f"{job.id}:deed"
    assert Run.objects.count() == 1


@pytest.mark.covers(91)
def test_a_costly_step_is_done_once_for_its_inputs_however_often_the_job_is_tried(stack: Stack) -> None:
    stack.worker()
    job = costly.enqueue(Costly(inputs=[1, 2, 2, 3]))
    ended = stack.ended([job], 30)[job.id]
    assert (ended.state, ended.attempt, ended.result) == (State.SUCCEEDED, 2, [2, 4, 4, 6]), ended.traceback
    assert list(Run.objects.order_by("id").values_list("attempt", flat=True)) == [1, 2, 3]


@pytest.mark.covers(56)
def test_two_workers_together_start_no_more_than_the_limit(stack: Stack) -> None:
    stack.relay()
    stack.worker()
    stack.worker()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [began] = cursor.fetchone()
    jobs = [limited.enqueue(NoPayload()) for _ in range(25)]
    ended = stack.ended(jobs, 30).values()
    assert all(job.state == State.SUCCEEDED and job.failures == 0 for job in ended)
    starts = sorted(Run.objects.values_list("at", flat=True))
    # Five a second: each has a place in time, before which it does not start, however late others are.
    early = [at for place, at in enumerate(starts) if at < began + place * timedelta(seconds=0.2)]
    assert early == [], (began, starts)
    assert starts[-1] - began < timedelta(seconds=20)


@pytest.mark.covers(111)
def test_an_owner_has_no_more_active_jobs_of_a_type_than_its_quota(stack: Stack) -> None:
    alice, bob = (User.objects.create(username=name) for name in ("alice", "bob"))
    for _ in range(3):
        rationed.enqueue(Nap(), owner=alice)
    with pytest.raises(QuotaExceeded):
        rationed.enqueue(Nap(), owner=alice)
    rationed.enqueue(Nap(), owner=bob)
    first = Job.objects.filter(owner=alice).first()
    assert first
    cancel(first.id)
    rationed.enqueue(Nap(), owner=alice)
