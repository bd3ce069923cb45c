"""The one table of transitions."""

from __future__ import annotations

import pytest

from jobs.states import ACTIVE, ENDED, TRANSITIONS, EventKind, Reason, State
from jobs.transitions import move


def test_every_state_is_in_the_table_and_either_active_or_ended() -> None:
    assert set(TRANSITIONS) == set(State) == {*ACTIVE, *ENDED}
    assert not set(ACTIVE) & set(ENDED)


def test_what_has_ended_never_runs_again() -> None:
    """A dead letter may be discarded; its repetition is another job."""
    assert {state: set(TRANSITIONS[state]) for state in ENDED} == {
        State.SUCCEEDED: set(),
        State.DEAD: {State.CANCELLED},
        State.CANCELLED: set(),
    }


def test_only_a_queued_job_is_started() -> None:
    assert {state for state in State if State.RUNNING in TRANSITIONS[state]} == {State.QUEUED}


def test_every_active_job_can_end() -> None:
    """Along some way; nothing is stuck for ever."""
    for start in ACTIVE:
        reached, waiting = {start}, [start]
        while waiting:
            new = set(TRANSITIONS[waiting.pop()]) - reached
            reached |= new
            waiting += new
        assert set(ENDED) <= reached


@pytest.mark.covers(99)
@pytest.mark.parametrize(
    ("came_from", "to"),
    [(State.SUCCEEDED, State.RUNNING), (State.CANCELLED, State.QUEUED), (State.SCHEDULED, State.RUNNING)],
)
def test_a_move_that_the_table_does_not_allow_is_a_mistake_in_the_program(came_from: State, to: State) -> None:
    with pytest.raises(ValueError, match=f"no job goes from {came_from} to {to}"):
        move(to, EventKind.STARTED, came_from=came_from, where={"id": None}, changes={})


def test_reasons_and_events_fit_their_columns() -> None:
    assert max(len(reason.value) for reason in Reason) <= 20
    assert max(len(kind.value) for kind in EventKind) <= 20
    assert max(len(state.value) for state in State) <= 10
