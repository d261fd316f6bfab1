"""What the ledger asks, and how often: whatever goes wrong, it stays modest and goes on."""

from __future__ import annotations

import math
import random
import time
from datetime import timedelta

import pytest

from kxt_trio.reconcile.facts import NoAnswer, OrderSeen, Page, Snapshot, kst_midnight
from kxt_trio.reconcile.findings import (
    AlarmKind,
    Began,
    Deliver,
    NeedSnapshot,
    Reason,
    Verified,
)

from .desk import TODAY, Desk, key, row
from .ledger_steps import TOMORROW, YESTERDAY, alarms, settle


def drive(desk: Desk, until: float, answer) -> list[NeedSnapshot]:
    """Ask what the ledger wants to know; ``answer`` gives rows, or None for a failure."""
    asked: list[NeedSnapshot] = []
    while True:
        question = desk.ledger._question
        when = math.inf if question is None else question.not_before
        if min(when, desk.ledger.deadline) > until:
            return asked
        if when > desk.ledger.deadline:
            desk.tick(desk.ledger.deadline)
            continue
        assert question is not None
        asked.append(question)
        assert len(asked) < 20_000
        for day in question.trade_dates:
            rows = answer(question, day)
            if rows is None:
                desk.tell(NoAnswer(when, day))
                continue
            complete = "incomplete" not in rows
            rows = [one for one in rows if one != "incomplete"]
            desk.answer(when, *rows, complete=complete, days=(day,), order=question.order)


# Answers that are not whole


def test_after_an_incomplete_answer_everything_is_asked_for_though_one_order_is_contested(desk):
    settle(desk, row(0, 0), row(0, 0, 2))
    desk.fill(130, 5)
    desk.answer(151, row(9, 900), complete=False)
    desk.fill(152, 1)
    desk.tick(156)
    assert (desk.question().reason, desk.question().order) == (Reason.INCOMPLETE, None)
    desk.answer(158, row(10, 1000), row(3, 300, 2))
    desk.tick(163)
    assert ("recovered", 3, 300) in desk.delivered()


def test_a_list_that_is_never_whole_is_asked_for_ever_more_rarely_and_told_of_once(desk):
    asked = drive(desk, 600, lambda question, day: [row(0, 0), "incomplete"])
    assert len([one for one in asked if one.not_before > 300]) <= 11
    assert alarms(desk.all) == [AlarmKind.INCOMPLETE]
    assert not desk.ledger.verified


def test_if_one_order_cannot_be_asked_about_alone_everything_is(desk):
    settle(desk, row(0, 0), row(0, 0, 2))
    desk.fill(130, 5)
    desk.answer(151, row(3, 300), row(0, 0, 2))  # contested, and stays so
    desk.tick(156)
    assert desk.question().order == key()
    desk.tell(NoAnswer(158, TODAY))
    assert desk.question().order is None
    assert desk.question().not_before <= 158


def test_a_day_may_be_refused_for_months():
    day = Desk().ledger._book.day(YESTERDAY)
    for hour in range(2_000):
        day.fail(3_600.0 * hour)
    assert not day.can_be_asked(3_600.0 * 2_000 - 1)
    assert day.can_be_asked(3_600.0 * 2_000)


# Days


def test_a_day_of_which_the_broker_does_not_tell_holds_up_no_other():
    desk = Desk(start=kst_midnight(TODAY) + 86_400 - 3600)
    desk.connect(0)
    desk.order(0, 100)
    asked = drive(desk, 1000, lambda question, day: [])
    for day in {one for question in asked for one in question.trade_dates}:
        assert day == TODAY
    desk.tick(3600)
    asked = drive(
        desk, 3600 + 7200, lambda question, day: None if day == TODAY else [row(7, 700, 5)]
    )
    refused = [question for question in asked if TODAY in question.trade_dates]
    assert 3 <= len(refused) <= 10
    assert all(question.trade_dates[0] == TOMORROW for question in asked)
    assert alarms(desk.all) == [AlarmKind.DAY_UNKNOWN]
    assert desk.ledger.verified
    assert desk.ledger.statistics().days_in_doubt == 1
    desk.answer(11_000, row(3, 300), days=(TODAY,))
    desk.tick(11_005)
    assert desk.ledger.statistics().days_in_doubt == 0


def test_a_past_day_is_not_asked_for_again_while_an_answer_waits():
    desk = Desk()
    desk.ledger.load([Began(trade_date=YESTERDAY)])
    desk.connect(0)
    desk.answer(0, days=(TODAY,))
    desk.answer(0.125, days=(YESTERDAY,))
    assert desk.question().trade_dates == (TODAY,)
    desk.tick(6)
    assert desk.question().trade_dates == (TODAY, YESTERDAY)


def test_an_order_of_a_day_that_is_refused_does_not_stand_before_today():
    desk = Desk(start=kst_midnight(TODAY) + 86_400 - 300)
    desk.connect(0)
    desk.order(0, 100)
    desk.fill(1, 5)
    drive(desk, 299, lambda question, day: [row(5, 500)])
    desk.tick(300)
    drive(desk, 311, lambda question, day: [row(5, 500)] if day == TODAY else [])
    desk.answer(330, row(3, 300), days=(TODAY,))  # contradicts, and is not settled
    desk.tick(335)
    asked = drive(
        desk, 4_000, lambda question, day: None if day == TODAY else [row(7, 700, 5, day=day)]
    )
    assert len([one for one in asked if one.trade_dates[0] == TOMORROW]) > 30
    assert len([one for one in asked if TODAY in one.trade_dates]) < 10
    assert ("recovered", 7, 700) in desk.delivered()


def test_an_order_that_the_broker_never_lists_spoils_no_later_day(desk):
    settle(desk, row(0, 0))
    desk.order(130, 10, 9)
    desk.fill(130, 5, number=9)
    drive(desk, 5 * 86_400, lambda question, day: [row(0, 0)] if day == TODAY else [])
    assert alarms(desk.all) == [AlarmKind.NOT_LISTED]
    assert desk.ledger.verified
    assert desk.ledger.statistics().unverified_orders == 1
    settled = {one.trade_date for one in desk.all if isinstance(one, Verified)}
    assert settled >= {TODAY + timedelta(days=n) for n in range(5)}
    records = [one for one in desk.all if isinstance(one, (Deliver, Began, Verified))]
    again = Desk()
    again.start = desk.start + 5 * 86_400
    again.ledger.load(records)
    again.connect(10)
    assert len(again.question().trade_dates) <= 2


def test_an_order_that_is_listed_after_all_is_one_like_the_others(desk):
    desk.fill(1, 5)
    drive(desk, 300, lambda question, day: [])
    assert alarms(desk.all) == [AlarmKind.NOT_LISTED]
    desk.answer(310, row(8, 800))
    desk.tick(315)
    assert desk.delivered()[-1] == ("recovered", 3, 300)
    assert desk.ledger.statistics().unverified_orders == 0


# The clock


@pytest.mark.parametrize("hours", [1, 7, 15, 24, 24 * 7])
def test_a_clock_that_was_ahead_for_a_moment_leaves_today_what_it_is(desk, hours):
    settle(desk, row(0, 0))
    ahead = hours * 3600
    desk.start += ahead
    desk.tick(130)
    drive(desk, 190, lambda question, day: [row(0, 0)] if day == TODAY else [])
    desk.start -= ahead
    desk.tick(190)
    asked = drive(desk, 400, lambda question, day: [row(4, 400)] if day == TODAY else [])
    assert all(question.trade_dates[0] == TODAY for question in asked)
    assert desk.delivered() == [("recovered", 4, 400)]
    assert desk.ledger._calendar.today == TODAY


def test_a_clock_that_was_ahead_at_the_first_start_makes_no_recovery_of_the_baseline():
    desk = Desk(replay="none")
    desk.start += 86_400
    desk.open(0)
    desk.answer(0, days=(TOMORROW,))
    desk.connect(1)
    desk.start -= 86_400
    desk.tick(30)
    drive(desk, 100, lambda question, day: [row(50, 5_000)] if day == TODAY else [])
    assert desk.delivered() == []
    desk.answer(110, row(53, 5_300))
    desk.tick(115)
    assert desk.delivered() == [("recovered", 3, 300)]


# Orders that end


def test_one_order_that_looks_finished_is_asked_about_alone(desk):
    settle(desk, row(0, 0))
    desk.fill(130, 100)
    question = desk.question()
    assert (question.reason, question.order, question.not_before) == (
        Reason.FINISHED,
        key(),
        135,
    )
    desk.answer(135, row(100, 10_000), order=key())
    desk.tick(140)
    assert desk.ledger.statistics().unverified_orders == 0
    assert desk.question().reason is Reason.AUDIT


def test_of_two_everything_is_asked(desk):
    settle(desk, row(0, 0))
    desk.fill(130, 100)
    desk.fill(131, 10, number=2, ordered=10)
    assert (desk.question().reason, desk.question().order) == (Reason.FINISHED, None)


def test_while_nothing_is_wrong_four_fifths_of_the_calls_are_others(desk):
    desk = Desk(pace=1.1)
    desk.connect(0)
    settle(desk)
    taken = 0.0
    at = 130.0
    number = 1
    while at < 730:
        question = desk.ledger._question
        assert question is not None
        if question.not_before <= at:
            pages = 1 if question.order else 20
            asked, at = at, at + pages * 1.1
            taken += pages * 1.1
            rows = tuple(row(1, 100, n, 1) for n in range(1, number))
            made = [Page(asked, at, desk.start + at, rows)]
            made += [Page(asked, at, desk.start + at, ())] * (pages - 1)
            desk.tell(Snapshot(tuple(made), (TODAY,), True, question.order))
        while desk.ledger.deadline <= at:
            desk.tick(at)
        desk.fill(at, 1, number=number, ordered=1)
        number += 1
        at += 3
    assert taken <= 0.25 * 600


@pytest.mark.parametrize("left", [0, 6])
def test_an_order_of_which_nothing_is_left_is_not_watched(left):
    desk = Desk()
    desk.connect(0)
    desk.order(0, 10)
    ended = row(4, 400, ordered=10)
    ended = type(ended)(key(), 4, 400, 10, finished=not left)
    for asked in (0, 6):
        desk.answer(asked, ended)
        desk.tick(asked + 5)
    desk.answer(121, ended)
    desk.tick(126)
    assert desk.question().not_before == 121 + (30 if left else 300)
    desk.fill(130, 1)  # the broker was wrong
    assert desk.question().not_before <= 160


def test_an_order_of_which_every_notice_is_lost_is_found_in_minutes():
    desk = Desk()
    desk.connect(0)
    settle(desk)
    drive(desk, 130, lambda question, day: [])
    drive(desk, 130 + 300 + 10, lambda question, day: [row(5, 500, 77)])
    assert desk.delivered() == [("recovered", 5, 500)]


# Edges


def test_a_tick_at_the_deadline_of_a_held_notice_is_in_time():
    rng = random.Random(1)
    for _ in range(500):
        at = rng.uniform(16, 5_000)
        desk = Desk()
        desk.connect(0)
        desk.order(0, 100)
        desk.answer(10, row(5, 500))
        desk.tick(15)
        desk.fill(at, 1, executed=9)
        desk.disconnect(at)
        desk.tick(at + 60.0)
        assert AlarmKind.HELD_LONG in alarms(desk.all)


def test_a_notice_held_before_the_baseline_is_known_is_forgotten_with_it():
    desk = Desk(replay="none")
    desk.open(0)
    desk.answer(0, row(10, 1000), answered=1, complete=False)
    desk.fill(1.5, 1, executed=0.5)  # held: it may be in the baseline
    desk.disconnect(2)
    desk.open(3)
    desk.answer(30, row(10, 1000), answered=31)
    assert desk.ledger.deadline > 31
    assert desk.ledger.statistics().held == 0


# What it costs


def crowd(count: int) -> Desk:
    """So many orders, all filled and verified."""
    desk = Desk()
    desk.connect(0)
    rows = tuple(row(1, 100, n, 1) for n in range(1, count + 1))
    pages = tuple(Page(6, 7, desk.start + 7, rows[n : n + 100]) for n in range(0, count, 100))
    desk.tell(Snapshot(pages, (TODAY,)))
    while desk.ledger.deadline <= 12:
        desk.tick(12)
    assert desk.ledger.verified
    return desk


def quickest(action, times: int = 25) -> float:
    taken = []
    for n in range(times):
        began = time.perf_counter()
        action(n)
        taken.append(time.perf_counter() - began)
    return min(taken)


def test_no_single_event_costs_more_because_there_are_many_orders():
    small, large = crowd(50), crowd(5_000)
    for event in (
        lambda desk: lambda n: desk.tell(OrderSeen(key(90_000 + n), 13 + n, 5)),
        lambda desk: lambda n: desk.fill(50 + n, 1, number=90_000 + n),
        lambda desk: lambda n: desk.fill(80 + n, 1, number=95_000 + n, ordered=1),
        lambda desk: lambda n: desk.ledger.verified,
    ):
        few, many = quickest(event(small)), quickest(event(large))
        assert many < 10 * few + 0.000_05


def test_a_long_answer_is_acted_on_in_pieces(desk):
    count = 3_000
    rows = tuple(row(1, 100, n, 1) for n in range(1, count + 1))
    pages = tuple(Page(6, 7, desk.start + 7, rows[n : n + 100]) for n in range(0, count, 100))
    desk.tell(Snapshot(pages, (TODAY,)))
    pieces = []
    while desk.ledger.deadline <= 12:
        pieces.append(len(desk.tick(12)))
        # What comes between the pieces is decided on with the rest.
        if len(pieces) == 2:
            desk.fill(12, 1, number=count, ordered=1)
    assert len(pieces) > 5
    assert max(pieces) <= 500
    delivered = desk.delivered()
    assert len(delivered) == count
    assert delivered.count(("live", 1, 100)) == 1
    assert desk.ledger.verified


def test_a_link_that_is_lost_between_the_pieces_drops_the_rest(desk):
    rows = tuple(row(1, 100, n, 1) for n in range(1, 2_001))
    desk.answer(6, *rows)
    desk.tick(11)
    done = len(desk.delivered())
    assert 0 < done < 2_000
    desk.disconnect(11)
    desk.tick(12)
    assert len(desk.delivered()) == done
    assert desk.ledger.statistics().dropped == 1
