"""What is deleted, and what stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.db import connection

from jobs import housekeeping, outcomes
from jobs.execution import claim, finish
from jobs.housekeeping import Deleted, delete_old
from jobs.models import File, Job, JobEvent
from jobs.registry import NoPayload
from jobs.running import AttemptLost, RunningJob
from jobs.signals import deleting_jobs
from jobs.states import ACTIVE, ENDED, State
from ops.tasks import housekeeping as job_type
from tests.testapp.tasks import fleeting

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
OLD, NEW = NOW - timedelta(days=31), NOW - timedelta(days=29)

MAKE_JOBS = """
    WITH made AS (
        INSERT INTO jobs_job (id, type, queue, state, finished_at, payload)
        SELECT gen_random_uuid(), 'testapp.echo', 'default', %s, %s, %s::jsonb FROM generate_series(1, %s)
        RETURNING id
    ), noted AS (INSERT INTO jobs_jobevent (job_id, kind) SELECT id, 'created' FROM made)
    SELECT id FROM made
"""


def make_jobs(number: int, state: State, finished_at: datetime | None, payload: object = None) -> list[UUID]:
    """Rows with an event each, written by the database: thousands take no time."""
    with connection.cursor() as cursor:
        cursor.execute(MAKE_JOBS, [state, finished_at, json.dumps(payload or {}), number])
        return [row[0] for row in cursor.fetchall()]


def upload(created_at: datetime, job_id: UUID | None = None) -> File:
    return File.objects.create(
        name="a.csv", content_type="text/csv", size=1, content=b"a", job_id=job_id, created_at=created_at
    )


@pytest.mark.covers(26)
def test_five_thousand_old_jobs_go_in_batches_and_live_ones_stay() -> None:
    make_jobs(5_000, State.SUCCEEDED, OLD)
    kept = [job_id for state in ACTIVE for job_id in make_jobs(2, state, None)]
    kept += [job_id for state in ENDED for job_id in make_jobs(2, state, NEW)]
    batches: list[int] = []

    deleted = delete_old(60, lambda so_far: batches.append(so_far.jobs))

    assert deleted == Deleted(jobs=5_000, events=5_000)
    assert batches == [1_000, 2_000, 3_000, 4_000, 5_000]
    assert set(Job.objects.values_list("id", flat=True)) == set(kept)
    assert JobEvent.objects.count() == len(kept)


@pytest.mark.parametrize("state", ENDED)
def test_every_way_to_end_is_kept_for_the_retention_and_no_longer(state: State) -> None:
    make_jobs(1, state, OLD)
    [kept] = make_jobs(1, state, NEW)
    delete_old(60)
    assert Job.objects.get().id == kept


@pytest.mark.covers(26)
def test_what_does_not_fit_into_the_time_is_left_to_another_job() -> None:
    make_jobs(2_500, State.DEAD, OLD)
    job = job_type.enqueue(NoPayload())
    runs = []
    while job:
        claimed = claim(job.id)
        assert claimed is not None
        # Without any time, a run does one batch.
        runs.append(job_type.service(RunningJob(claimed, time_limit=0), NoPayload()))
        assert finish(claimed, outcomes.succeeded(runs[-1]))
        job = Job.objects.filter(schedule="ops.housekeeping", slot=str(job.id)).first()
    assert [(run["jobs"], run["more"]) for run in runs] == [(1_000, True), (1_000, True), (500, True), (0, False)]


def test_a_run_that_is_repeated_has_one_successor() -> None:
    make_jobs(2_500, State.DEAD, OLD)
    claimed = claim(job_type.enqueue(NoPayload()).id)
    assert claimed is not None
    for _ in range(2):
        job_type.service(RunningJob(claimed, time_limit=0), NoPayload())
    assert Job.objects.filter(schedule="ops.housekeeping", slot=str(claimed.id)).count() == 1


def test_files_go_with_their_job_and_forgotten_uploads_go_alone() -> None:
    [gone] = make_jobs(1, State.SUCCEEDED, OLD)
    [kept] = make_jobs(1, State.SUCCEEDED, NEW)
    upload(OLD, gone)
    result, forgotten, fresh = upload(OLD, kept), upload(OLD), upload(NEW)
    assert delete_old(60) == Deleted(jobs=1, events=1, files=2)
    assert set(File.objects.values_list("id", flat=True)) == {result.id, fresh.id}
    assert forgotten.id not in {result.id, fresh.id}


def test_an_upload_that_a_waiting_job_names_stays() -> None:
    needed, unneeded = upload(OLD), upload(OLD)
    make_jobs(1, State.SCHEDULED, None, {"sources": [{"file": str(needed.id).upper()}]})
    make_jobs(1, State.SUCCEEDED, NEW, {"file": str(unneeded.id)})
    delete_old(60)
    assert File.objects.get() == needed


def test_uploads_go_in_batches_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    for _ in range(5):
        upload(OLD)
    batches: list[int] = []
    delete_old(60, lambda so_far: batches.append(so_far.files))
    assert batches == [2, 4, 5]


def test_a_dead_letter_goes_before_the_job_that_repeated_it() -> None:
    [dead] = make_jobs(1, State.DEAD, OLD)
    [repeat] = make_jobs(1, State.SUCCEEDED, NEW)
    Job.objects.filter(id=repeat).update(retry_of_id=dead)
    delete_old(60)
    assert Job.objects.get(id=repeat).retry_of_id is None


def test_children_stay_as_long_as_their_parent_and_go_with_it() -> None:
    waiting, recent, old = (
        make_jobs(1, State.SCHEDULED, None) + make_jobs(1, State.SUCCEEDED, NEW) + make_jobs(1, State.SUCCEEDED, OLD)
    )
    kept = {waiting, recent}
    for parent in (waiting, recent, old):
        children = make_jobs(2, State.SUCCEEDED, OLD)
        Job.objects.filter(id__in=children).update(parent_id=parent)
        if parent != old:
            kept |= set(children)
    deleted = delete_old(60)
    assert set(Job.objects.values_list("id", flat=True)) == kept
    assert deleted.jobs == 3


def test_a_parent_goes_with_children_of_a_type_that_comes_after_its_own() -> None:
    [parent, *children] = make_jobs(4, State.SUCCEEDED, OLD)
    Job.objects.filter(id__in=children).update(parent_id=parent, type="testapp.part")
    assert delete_old(60).jobs == 4


def test_a_large_family_goes_in_batches_from_the_youngest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 10)
    [parent] = make_jobs(1, State.SUCCEEDED, OLD)
    children = make_jobs(25, State.SUCCEEDED, OLD)
    Job.objects.filter(id__in=children).update(parent_id=parent)
    batches: list[int] = []
    delete_old(60, lambda so_far: batches.append(so_far.jobs))
    assert batches == [10, 20, 25, 26]


def test_a_job_that_was_given_up_stops_deleting() -> None:
    make_jobs(1_500, State.SUCCEEDED, OLD)

    def lost(_: Deleted) -> None:
        raise AttemptLost

    with pytest.raises(AttemptLost):
        delete_old(60, lost)
    assert Job.objects.count() == 500


def test_nothing_old_is_nothing_to_do() -> None:
    make_jobs(1, State.SUCCEEDED, NEW)
    assert delete_old(60) == Deleted()


@pytest.mark.covers(128)
def test_each_state_is_kept_for_its_own_time(settings: LazySettings) -> None:
    settings.JOB_RETENTION_SUCCEEDED_DAYS, settings.JOB_RETENTION_DEAD_DAYS = 7, 90
    eight_days = NOW - timedelta(days=8)
    make_jobs(1, State.SUCCEEDED, eight_days)
    kept = make_jobs(1, State.CANCELLED, eight_days) + make_jobs(1, State.DEAD, OLD)
    kept += make_jobs(1, State.SUCCEEDED, NOW - timedelta(days=6))
    delete_old(60)
    assert set(Job.objects.values_list("id", flat=True)) == set(kept)


@pytest.mark.covers(128)
def test_a_job_type_is_kept_as_it_says_and_otherwise_as_its_state() -> None:
    long, short = make_jobs(1, State.DEAD, OLD), make_jobs(1, State.SUCCEEDED, NOW - timedelta(hours=2))
    usual = make_jobs(1, State.CANCELLED, OLD) + make_jobs(1, State.CANCELLED, NEW)
    others = make_jobs(1, State.DEAD, OLD) + make_jobs(1, State.SUCCEEDED, NOW - timedelta(hours=2))
    Job.objects.filter(id__in=[*long, *short, *usual]).update(type=fleeting.name)
    delete_old(60)
    assert set(Job.objects.values_list("id", flat=True)) == {*long, usual[1], others[1]}


@pytest.mark.covers(128)
def test_a_child_stays_until_its_parents_own_time_is_over() -> None:
    [parent] = make_jobs(1, State.SUCCEEDED, NEW)
    [child] = make_jobs(1, State.SUCCEEDED, NEW)
    Job.objects.filter(id=child).update(parent_id=parent, type=fleeting.name)
    assert delete_old(60).jobs == 0
    Job.objects.filter(id=parent).update(type=fleeting.name)
    assert delete_old(60).jobs == 2


@pytest.fixture
def archived() -> Iterator[list[Job]]:
    """What a receiver of the signal was given."""
    taken: list[Job] = []

    def archive(jobs: list[Job], **_: object) -> None:
        taken.extend(jobs)

    deleting_jobs.connect(archive)
    yield taken
    deleting_jobs.disconnect(archive)


@pytest.mark.covers(128)
def test_what_is_to_be_deleted_can_be_archived_before(archived: list[Job]) -> None:
    gone = make_jobs(1_200, State.SUCCEEDED, OLD, {"month": "2026-10"})
    make_jobs(1, State.SUCCEEDED, NEW)
    delete_old(60)
    assert {job.id for job in archived} == set(gone)
    assert len(archived) == 1_200
    assert archived[0].payload == {"month": "2026-10"}


@pytest.mark.covers(128)
def test_what_could_not_be_archived_is_not_deleted() -> None:
    make_jobs(3, State.SUCCEEDED, OLD)

    def refuse(jobs: list[Job], **_: object) -> None:
        # In the transaction of the deletion: this must not stay either.
        File.objects.create(name="a", content_type="a/b", size=len(jobs), content=b"")
        raise OSError("the archive is full")

    deleting_jobs.connect(refuse)
    try:
        with pytest.raises(OSError, match="full"):
            delete_old(60)
    finally:
        deleting_jobs.disconnect(refuse)
    assert (Job.objects.count(), File.objects.count()) == (3, 0)
