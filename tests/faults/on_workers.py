"""What happens to workers and their children."""

from __future__ import annotations

import signal
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from config.queues import RELEASE_MARGIN
from devstack import tether
from jobs import broker
from jobs.dispatch import push
from jobs.models import Job, JobEvent
from jobs.states import EventKind, State
from tests.faults.scene import DRAIN, Scene, said_from_now
from tests.polling import wait_for


def main_killed(scene: Scene) -> None:
    worker, _ = scene.busy()
    scene.kill(worker)


def child_killed(scene: Scene) -> None:
    _, job = scene.busy()
    assert job.pid
    tether.send(job.pid, signal.SIGKILL)


def child_eats_memory(scene: Scene) -> None:
    """The kernel kills the process that has most."""
    [job] = scene.ask(parts=10, seconds_each=0.5, megabytes=200)
    worker, _ = scene.busy(job)
    largest = wait_for(
        lambda: [pid for pid in scene.stack.children(worker) if resident(pid) > 200_000_000],
        15,
        what="a child of more than 200 MB",
    )
    tether.send(largest[0], signal.SIGKILL)


def resident(pid: int) -> int:
    """Bytes of memory; 0 when the process is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except FileNotFoundError:
        return 0


def told_to_stop(scene: Scene) -> None:
    """A drain that has time enough."""
    worker, _ = scene.busy()
    worker.send(signal.SIGTERM)
    scene.replace(worker)
    assert worker.wait(DRAIN + 20), f"{worker.name} did not end"
    assert worker.exit_code == 0, worker.ending()


def drained_past_its_deadline(scene: Scene) -> None:
    """Prefork gives its jobs back before it would be killed; threads cannot, and are killed."""
    [job] = scene.ask(parts=24, seconds_each=0.5)
    drain(scene, job)


def drained_with_a_job_that_came_twice(scene: Scene) -> None:
    """It was retried, and its message delivered again, before the worker was told to stop."""
    [job] = scene.ask(parts=24, seconds_each=0.5, fails_first=True)
    _, running = scene.busy(job, attempt=2)
    assert push([running]) == 1
    wait_for(lambda: not waits(running), 30, what="the copy was taken")
    drain(scene, job)


def waits(job: Job) -> bool:
    return job.id in {message.job_id for message in broker.oldest_waiting(job.queue)}


def drain(scene: Scene, job: Job) -> None:
    """TERM, and nobody there to take over before the job is back in the queue."""
    worker, running = scene.busy(job)
    told_at = timezone.now()
    worker.send(signal.SIGTERM)
    if scene.queue.lane.pool == "threads":
        assert not worker.wait(DRAIN), "it did not wait for its job"
        scene.kill(worker)
        return
    released = wait_for(lambda: release_of(running), DRAIN + RELEASE_MARGIN, what=f"{job} was given back")
    after = (released.at - told_at).total_seconds()
    assert after <= DRAIN + 2, f"{job} was given back {after:.1f} s after TERM: more than 2 s past the deadline"
    wait_for(lambda: scene.goes_on(running), DRAIN + RELEASE_MARGIN, what=f"{job} is in the queue, with its message")
    scene.replace(worker)
    assert worker.wait(30), f"{worker.name} did not end"


def release_of(job: Job) -> JobEvent | None:
    """The event of its being given back, which is neither failure nor loss."""
    return JobEvent.objects.filter(job_id=job.id, kind=EventKind.RELEASED, attempt=job.attempt).first()


def child_frozen(scene: Scene) -> None:
    """For two leases, which its main process goes on renewing."""
    _, job = scene.busy()
    assert job.pid
    tether.send(job.pid, signal.SIGSTOP)
    before = Job.objects.get(id=job.id).lease_expires_at
    try:
        wait_for(lambda: renewed_since(job, before), 10 * settings.JOB_LEASE, what="the lease was renewed twice")
    finally:
        tether.send(job.pid, signal.SIGCONT)


def renewed_since(job: Job, before: object) -> bool:
    lease = Job.objects.get(id=job.id).lease_expires_at
    return bool(lease and (lease - before).total_seconds() > 2 * settings.JOB_LEASE)  # type: ignore[operator]


def child_frozen_for_good(scene: Scene) -> None:
    """Celery kills it at the hard limit."""
    _, job = scene.busy()
    assert job.pid
    tether.send(job.pid, signal.SIGSTOP)
    wait_for(lambda: Job.objects.get(id=job.id).state == State.DEAD, 110, what=f"{job} is dead")


def main_frozen(scene: Scene) -> None:
    """Past its leases. Its children go on, and write nothing when they are done; then it thaws."""
    scene.wait_until_ready(scene.add_worker())
    [job] = scene.ask(parts=20, seconds_each=0.5)
    worker, running = scene.busy(job)
    said = said_from_now(worker)
    worker.pause()
    wait_for(lambda: Job.objects.get(id=job.id).attempt > running.attempt, 30, what=f"another worker began {job}")
    worker.resume()
    wait_for(lambda: "had been given up" in said(), 30, what=f"the attempt on {worker.name} noticed")


def killed_before_its_acknowledgement(scene: Scene) -> None:
    """The attempt's end is written; the message of it did not reach Redis when the worker died."""
    [job] = scene.ask(parts=10, seconds_each=0.5)
    worker, _ = scene.busy(job)
    scene.proxy.silence()
    wait_for(lambda: Job.objects.get(id=job.id).state == State.SUCCEEDED, 30, what=f"{job} succeeded")
    scene.kill(worker)
    # The relay does not reach Redis yet, and cannot have taken it out.
    assert job.id in {entry.message.job_id for entry in broker.in_flight(scene.queue)}
    scene.proxy.speak()


def killed_with_a_message_that_nobody_recorded(scene: Scene) -> None:
    """The hole between BRPOP and kombu's record of it: the message is in nobody's hands."""
    [idle] = scene.workers
    for _ in range(20):
        scene.stack.ended(Job.objects.filter(id__in=scene.jobs), 60)
        wait_for(lambda: scene.stack.in_flight(scene.queue) == 0, 30, what="everything was acknowledged")
        frozen = (idle.pid, *scene.stack.children(idle))
        for pid in frozen:
            tether.send(pid, signal.SIGSTOP)
        scene.ask()
        if scene.stack.messages(scene.queue) == scene.stack.in_flight(scene.queue) == 0:
            break
        # It was frozen between two of its questions, of which each lasts a second.
        for pid in frozen:
            tether.send(pid, signal.SIGCONT)
    else:
        raise AssertionError("the worker was never frozen while Redis held a question of it")
    scene.kill(idle)
