"""The faults that the engine has to survive, and what each may cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from config.queues import Queue
from jobs.states import Reason
from tests.faults import on_servers, on_singletons, on_workers
from tests.faults.scene import REAL_TIMERS, Scene

# A queue for each pool: what a fault does depends on it.
PREFORK, THREADS = Queue.DEFAULT, Queue.IO
# Seconds after which an attempt of a lost worker has begun again: 40 with the real lease of 30 s, here with 6 s.
LOST_WORKER = 40 / 5
SERVER_BACK = 60
# Seconds that the jobs themselves take, which wait behind one another.
WORK = 20


@dataclass(frozen=True, kw_only=True)
class Case:
    """A way to break something, and what must hold afterwards.

    `within`: seconds after which, with WORK, every job has ended, counted from the fault's end. `losses`, `failures`
    and `releases`: how many of its attempts a job may have lost so. `dead`: why a job may be dead. `queues`: where it
    can happen; `make test` tries the first. `waits`: seconds that it takes, most of them without work. `begins_again`:
    seconds after the fault's beginning, by the database's clock, in which every attempt that follows another begins.
    """

    does: Callable[[Scene], None]
    within: float
    losses: int = 0
    failures: int = 0
    releases: int = 0
    dead: tuple[Reason, ...] = ()
    queues: tuple[Queue, ...] = (PREFORK, THREADS)
    waits: float = 0
    begins_again: float = 0
    variables: Mapping[str, str] = field(default_factory=dict)
    # Whether it can happen at any time, to a busy worker among others.
    soaks: bool = True


class Fault(Enum):
    """A minute without PostgreSQL and three without Redis have tests of their own: `test_outages.py`."""

    case: Case

    def __new__(cls, case: Case) -> Fault:
        member = object.__new__(cls)
        member._value_ = case.does.__name__
        member.case = case
        return member

    # The promise itself: 40 s from the kill, with the engine's own timers.
    MAIN_KILLED = Case(
        does=on_workers.main_killed, within=40, begins_again=40, losses=1, waits=45, variables=REAL_TIMERS
    )
    CHILD_KILLED = Case(does=on_workers.child_killed, within=10, losses=1, queues=(PREFORK,), variables=REAL_TIMERS)
    CHILD_EATS_MEMORY = Case(does=on_workers.child_eats_memory, within=10, losses=1, queues=(PREFORK,))
    TOLD_TO_STOP = Case(does=on_workers.told_to_stop, within=0, variables={"WORKER_GRACE_PERIOD": "60"})
    DRAINED_PAST_ITS_DEADLINE = Case(
        does=on_workers.drained_past_its_deadline, within=LOST_WORKER, releases=1, losses=1
    )
    DRAINED_WITH_A_JOB_THAT_CAME_TWICE = Case(
        does=on_workers.drained_with_a_job_that_came_twice, within=0, releases=1, failures=1, queues=(PREFORK,)
    )
    CHILD_FROZEN = Case(does=on_workers.child_frozen, within=0, queues=(PREFORK,))
    CHILD_FROZEN_FOR_GOOD = Case(
        does=on_workers.child_frozen_for_good,
        within=0,
        failures=1,
        dead=(Reason.TIMEOUT,),
        queues=(PREFORK,),
        waits=110,
        variables={"WORKER_TIME_LIMIT": "5"},
        soaks=False,
    )
    MAIN_FROZEN = Case(does=on_workers.main_frozen, within=LOST_WORKER, losses=1, queues=(THREADS, PREFORK))
    KILLED_BEFORE_ITS_ACKNOWLEDGEMENT = Case(
        does=on_workers.killed_before_its_acknowledgement, within=LOST_WORKER, losses=1
    )
    KILLED_WITH_A_MESSAGE_THAT_NOBODY_RECORDED = Case(
        does=on_workers.killed_with_a_message_that_nobody_recorded, within=LOST_WORKER, soaks=False
    )
    REDIS_RESTARTED = Case(does=on_servers.redis_restarted, within=SERVER_BACK)
    REDIS_SILENT = Case(does=on_servers.redis_silent, within=SERVER_BACK, queues=(THREADS, PREFORK), waits=30)
    REDIS_HALF_OPEN = Case(does=on_servers.redis_half_open, within=SERVER_BACK, waits=30)
    REDIS_CUT_OFF = Case(does=on_servers.redis_cut_off, within=SERVER_BACK, queues=(THREADS, PREFORK))
    REDIS_EMPTIED = Case(does=on_servers.redis_emptied, within=10)
    REDIS_FULL = Case(does=on_servers.redis_full, within=SERVER_BACK)
    POSTGRES_RESTARTED = Case(does=on_servers.postgres_restarted, within=SERVER_BACK, failures=5)
    RELAY_KILLED = Case(does=on_singletons.relay_killed, within=0, queues=(PREFORK,))
    TWO_RELAYS = Case(does=on_singletons.two_relays, within=0, queues=(PREFORK,), variables={"DISPATCH_OVERDUE": "15"})
    RELAY_FROZEN_WITH_THE_LOCK = Case(
        does=on_singletons.relay_frozen_with_the_lock, within=0, queues=(PREFORK,), waits=40
    )
    RELAY_HALF_OPEN_WITH_THE_LOCK = Case(
        does=on_singletons.relay_half_open_with_the_lock, within=0, queues=(PREFORK,), waits=40
    )
    BEAT_KILLED_AFTER_A_TICK = Case(does=on_singletons.beat_killed_after_a_tick, within=0, queues=(PREFORK,))
    TWO_BEATS = Case(does=on_singletons.two_beats, within=0, queues=(PREFORK,))

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")
