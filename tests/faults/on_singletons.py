"""What happens to the relay and to Beat, of which there should be one each."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from django.db import connection
from django.db.models import Count, Q

from devstack.processes import Process
from jobs.models import Job
from jobs.relay import LOCK
from jobs.states import EventKind
from schedules import services
from schedules.definitions import Definition
from schedules.models import Schedule
from schedules.rules import Every
from tests.faults.proxy import Proxy
from tests.faults.scene import Scene, said_from_now
from tests.polling import wait_for

# Seconds after which PostgreSQL ends the session of a relay that froze or vanished (`manage relay`), and some.
SESSION_END = 25


def relay_killed(scene: Scene) -> None:
    """With work for it due."""
    scene.ask(5, delay=1)
    scene.relay.kill()
    scene.relay = scene.stack.relay(**scene.variables)


def two_relays(scene: Scene) -> None:
    """Both sweep what is due at one time; each job is dispatched by one of them, once."""
    second = scene.stack.relay(**scene.variables)
    jobs = scene.ask(20, delay=1)
    scene.stack.ended(jobs, 60)
    again = Q(events__kind__in=[EventKind.REDISPATCHED, EventKind.LOST])
    sent = Job.objects.filter(id__in=[job.id for job in jobs]).annotate(reasons=Count("events", filter=again))
    twice = [(job, job.dispatch, job.reasons) for job in sent if job.dispatch > 1 + job.reasons]
    assert twice == []
    second.stop()


def relay_frozen_with_the_lock(scene: Scene) -> None:
    """Another relay goes on once the server has ended the frozen one's session; the thawed one does so when alone."""
    stop_while_it_holds_the_lock(scene.relay.pause, scene.relay.resume)
    said = said_from_now(scene.relay)
    try:
        second = relays_go_on(scene)
    finally:
        scene.relay.resume()
    wait_for(lambda: "database unreachable" in said(), 30, what="it noticed that it was away")
    second.stop()
    scene.stack.ended(scene.ask(3, delay=0.5), 30)
    assert scene.relay.running, scene.relay.ending()


def relay_half_open_with_the_lock(scene: Scene) -> None:
    """Its connection to PostgreSQL is dead on both sides and neither was told."""
    scene.relay.stop()
    with Proxy(scene.stack.postgres.port) as proxy:
        through = scene.stack.postgres.url.replace(f":{scene.stack.postgres.port}/", f":{proxy.port}/")
        cut_off = scene.stack.relay(**{**scene.variables, "DATABASE_URL": through})
        stop_while_it_holds_the_lock(proxy.hold, proxy.let_go)
        proxy.halve()
        scene.relay = relays_go_on(scene)
        cut_off.kill()


def stop_while_it_holds_the_lock(stop: Callable[[], None], go_on: Callable[[], None]) -> None:
    """A round takes milliseconds: stop it again and again, until it was caught in the middle of one."""
    for _ in range(1_000):
        stop()
        if lock_is_held() and lock_is_held():
            return
        go_on()
        time.sleep(0.01)
    raise AssertionError("the relay was never stopped while it held the lock")


def lock_is_held() -> bool:
    """By a session that waits for its client's next statement."""
    time.sleep(0.01)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND objid = %s AND granted AND state = 'idle in transaction'",
            [LOCK],
        )
        return bool(cursor.fetchone()[0])


def relays_go_on(scene: Scene) -> Process:
    """Start another relay, and wait until it does what only a relay does."""
    second = scene.stack.relay(**scene.variables)
    jobs = scene.ask(3, delay=0.5)
    scene.stack.ended(jobs, SESSION_END + 5)
    return second


def beat_killed_after_a_tick(scene: Scene) -> None:
    """And another started in its place: no turn twice."""
    schedule = every_second(scene)
    for _ in range(2):
        beat = scene.stack.beat(**scene.variables)
        wait_for_turns(schedule, len(turns(schedule)) + 2)
        beat.kill()
    services.remove(schedule)
    assert len(set(turns(schedule))) == len(turns(schedule)), turns(schedule)


def two_beats(scene: Scene) -> None:
    """Both follow the same schedule; each turn makes one job."""
    schedule = every_second(scene)
    beats = [scene.stack.beat(**scene.variables) for _ in range(2)]
    wait_for_turns(schedule, len(turns(schedule)) + 4)
    for beat in beats:
        beat.kill()
    services.remove(schedule)
    assert len(set(turns(schedule))) == len(turns(schedule)), turns(schedule)


def every_second(scene: Scene) -> Schedule:
    """A schedule of errands on the scene's queue."""
    definition = Definition(
        name=f"test.{uuid4().hex[:8]}",
        type=f"testapp.errand_{scene.queue}",
        payload={"parts": 1},
        rule=Every(timedelta(seconds=1)),
        expires=timedelta(seconds=10),
    )
    return services.create(definition, None)


def turns(schedule: Schedule) -> list[str]:
    return sorted(Job.objects.filter(schedule=schedule.name).values_list("slot", flat=True))


def wait_for_turns(schedule: Schedule, number: int) -> None:
    wait_for(lambda: len(turns(schedule)) >= number, 40, what=f"{number} turns of {schedule}")
