"""When turns are due, around the nights on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schedules.rules import EPOCH, Crontab, Every, Rule, Turn

LONDON = "Europe/London"
# 02:00 BST becomes 01:00 GMT again at 01:00 UTC.
FOLD = datetime(2026, 10, 25, 1, tzinfo=UTC)
# 01:00 GMT becomes 02:00 BST at 01:00 UTC.
GAP = datetime(2026, 3, 29, 1, tzinfo=UTC)


def followed(rule: Rule, start: datetime, end: datetime) -> list[Turn]:
    """What a scheduler does that looks once a minute from `start` to `end`."""
    turns, since, now = [], start, start
    while now < end:
        if turn := rule.turn(since, now):
            turns.append(turn)
            since = now + timedelta(milliseconds=50)
        now += timedelta(minutes=1)
    return turns


def night(around: datetime) -> tuple[datetime, datetime]:
    return around - timedelta(hours=3), around + timedelta(hours=3)


@pytest.mark.covers(10)
def test_a_turn_in_the_repeated_hour_comes_once() -> None:
    turns = followed(Crontab("30 1 * * *", LONDON), *night(FOLD))
    assert turns == [Turn(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "2026-10-25T01:30")]


@pytest.mark.covers(10)
def test_a_turn_missed_in_the_first_pass_of_the_repeated_hour_comes_in_the_second() -> None:
    yesterday, second_pass = FOLD - timedelta(days=1), FOLD + timedelta(minutes=31)
    turn = Crontab("30 1 * * *", LONDON).turn(yesterday, second_pass)
    assert turn == Turn(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "2026-10-25T01:30")


@pytest.mark.covers(10)
def test_no_slot_of_the_night_on_which_an_hour_repeats_comes_twice() -> None:
    slots = [turn.slot[-5:] for turn in followed(Crontab("*/30 * * * *", LONDON), *night(FOLD))]
    assert slots == ["23:30", "00:00", "00:30", "01:00", "01:30", "02:00", "02:30", "03:00", "03:30"]


@pytest.mark.covers(10)
def test_a_turn_in_the_skipped_hour_comes_once_when_the_hour_was_skipped() -> None:
    turns = followed(Crontab("30 1 * * *", LONDON), *night(GAP))
    assert turns == [Turn(GAP, "2026-03-29T01:30")]


@pytest.mark.covers(10)
def test_a_rule_that_has_turns_inside_and_after_the_skipped_hour_takes_one() -> None:
    turns = followed(Crontab("*/30 * * * *", LONDON), GAP - timedelta(minutes=40), GAP + timedelta(minutes=40))
    assert [turn.slot[-5:] for turn in turns] == ["00:30", "02:00", "02:30"]


@pytest.mark.parametrize(
    "rule", [Crontab("30 1 * * *", LONDON), Crontab("*/7 * * * *", LONDON), Every(timedelta(hours=1))]
)
@pytest.mark.parametrize("around", [FOLD, GAP])
def test_a_scheduler_that_sleeps_until_the_next_turn_misses_none(rule: Rule, around: datetime) -> None:
    """`following` never lies beyond a turn that is due."""
    start, end = night(around)
    slept, since, now = [], start, start
    while now < end:
        if turn := rule.turn(since, now):
            slept.append(turn.slot)
            since = now
        following = rule.following(now)
        assert following > now
        now = following
    assert slept == [turn.slot for turn in followed(rule, start, end)]


@pytest.mark.covers(21)
def test_of_many_missed_turns_the_newest_counts() -> None:
    now = datetime(2026, 11, 22, 14, 3, tzinfo=UTC)
    week_ago = now - timedelta(days=7)
    assert Every(timedelta(minutes=5)).turn(week_ago, now) == Turn(now.replace(minute=0), "2026-11-22T14:00:00Z")
    assert Crontab("*/5 * * * *").turn(week_ago, now) == Turn(now.replace(minute=0), "2026-11-22T14:00")


def test_an_interval_counts_from_1970_whoever_asks_and_whenever() -> None:
    hourly = Every(timedelta(hours=1))
    early, late = datetime(2026, 11, 22, 14, 0, 1, tzinfo=UTC), datetime(2026, 11, 22, 14, 59, 59, tzinfo=UTC)
    assert hourly.turn(EPOCH, early) == hourly.turn(EPOCH, late)
    assert hourly.following(early) == hourly.following(late) == datetime(2026, 11, 22, 15, tzinfo=UTC)


def test_nothing_is_due_that_was_due_before() -> None:
    now = datetime(2026, 11, 22, 14, 3, tzinfo=UTC)
    assert Every(timedelta(hours=1)).turn(now.replace(minute=0), now) is None
    assert Crontab("0 14 * * *").turn(now.replace(minute=0), now) is None


def test_the_rarest_day_is_found_in_both_directions() -> None:
    leap_monday = Crontab("0 0 29 2 mon")
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert leap_monday.following(now) == datetime(2044, 2, 29, tzinfo=UTC)
    assert leap_monday.turn(EPOCH, now) == Turn(datetime(2016, 2, 29, tzinfo=UTC), "2016-02-29T00:00")


@pytest.mark.parametrize(
    "expression",
    ["", "* * * *", "* * * * * *", "60 * * * *", "*/0 * * * *", "1-5! * * * *", "jan * * * *", "0 6 * * 7", "@daily",
     "0 0 30 2 *", "0 6 L * *", "22-2 * * * *", ",".join(map(str, range(60))) + " * * * *"],
)  # fmt: skip
def test_a_crontab_that_cannot_be_meant_is_refused_with_what_it_was(expression: str) -> None:
    with pytest.raises(ValueError, match="it must be five fields") as refused:
        Crontab(expression)
    assert repr(expression) in str(refused.value)


@pytest.mark.parametrize("timezone", ["", "Europe", "Mars/Olympus", "../etc/passwd", "localtime", "CEST"])
def test_a_timezone_that_nobody_knows_is_refused(timezone: str) -> None:
    with pytest.raises(ValueError, match="timezone was"):
        Crontab("0 6 * * *", timezone)


@pytest.mark.parametrize("period", [timedelta(0), timedelta(seconds=-5), timedelta(seconds=1.5), timedelta(days=367)])
def test_an_interval_that_cannot_be_followed_is_refused(period: timedelta) -> None:
    with pytest.raises(ValueError, match="every was"):
        Every(period)
