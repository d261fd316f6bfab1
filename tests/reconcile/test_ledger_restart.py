"""The ledger's first start, and a restart."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kxt_trio.reconcile.facts import kst_midnight
from kxt_trio.reconcile.findings import (
    AlarmKind,
    Balance,
    Began,
    Correct,
    Deliver,
    Held,
    NeedSnapshot,
    Reason,
    Verified,
)

from .desk import TODAY, Desk, key, row
from .ledger_steps import YESTERDAY, days_ago, only, recover, restarted


def test_the_baseline_is_adopted_and_a_fill_before_the_subscription_recovered():
    desk = Desk(replay="none")
    began, question = desk.open(0)
    assert began == Began(trade_date=TODAY)
    assert (question.reason, question.not_before) == (Reason.BASELINE, 0)
    found = desk.answer(0, row(10, 1_000), answered=1)
    assert only(found, Balance)[0].quantity == 10
    assert only(found, Verified)
    desk.connect(2)
    desk.answer(2, row(14, 1_400))
    desk.tick(7)
    assert desk.delivered() == [("recovered", 4, 400)]
    assert only(desk.all, Deliver)[-1].fill_id.endswith(".10-14")


def test_a_notice_of_a_fill_in_the_baseline_is_held():
    desk = Desk(replay="none")
    desk.open(0)
    desk.answer(0, row(10, 1_000), row(0, 0, 2), answered=1)
    desk.connect(2)
    assert only(desk.fill(3, 2, executed=1), Held)
    assert only(desk.fill(3, 2, executed=1, number=2), Deliver)  # nothing of it was counted


def test_an_unverified_start_adopts_what_was_not_delivered_since():
    desk = Desk(replay="none")
    desk.open(0)
    desk.connect(2)
    desk.answer(0, row(10, 1_000), answered=3)  # too late to be the baseline
    (fill,) = only(desk.fill(4, 3), Deliver)
    assert fill.cumulative_quantity is None
    desk.answer(5, row(10, 1_000))
    desk.tick(10)  # not quiet
    assert desk.ledger.totals(key()).quantity == 3
    desk.answer(11, row(13, 1_300))
    desk.tick(16)
    assert desk.delivered() == [("live", 3, 300)]
    assert desk.ledger.totals(key()).quantity == 13
    (fill,) = only(desk.fill(20, 1), Deliver)
    assert fill.cumulative_quantity == 14


def test_an_order_accepted_since_needs_no_baseline():
    desk = Desk(replay="none")
    desk.connect(0)
    desk.order(1, 100)
    desk.answer(2, row(4, 400))
    desk.tick(7)
    assert desk.delivered() == [("recovered", 4, 400)]


def test_replay_delivers_what_was_filled_earlier_today():
    desk = Desk(replay="today")
    assert only(desk.open(0), NeedSnapshot) == []
    desk.connect(1)
    desk.answer(1, row(10, 1_000))
    (fill,) = only(desk.tick(6), Deliver)
    assert fill.earliest == kst_midnight(TODAY)


@pytest.mark.parametrize("exported", [False, True])
def test_a_restart_goes_on_where_the_journal_ends(desk, exported):
    desk.fill(1, 5)
    recover(desk, 7)
    desk.fill(20, 5, executed=20)
    records = [
        one for one in desk.all if isinstance(one, (Deliver, Correct, Balance, Verified))
    ]
    again = restarted(desk, desk.ledger.export() if exported else records, replay="none")
    assert again.open(0) == []  # no new baseline
    again.connect(1)
    again.answer(1, row(15, 1_500))
    again.tick(6)
    assert again.delivered() == [("recovered", 3, 300)]
    assert only(again.all, Deliver)[-1].fill_id.endswith(".12-15")


def test_a_restart_remembers_what_the_recovered_shares_may_contain(desk):
    recover(desk)
    again = restarted(desk, desk.ledger.export())
    again.connect(1)
    late = again.start - 1_000 + 10  # the second of the answer
    assert only(again.fill(2, 5, executed=late - again.start), Held)


def test_notices_from_just_before_a_restart_still_disturb_the_quiet(desk):
    desk.fill(8, 5)
    again = restarted(desk, only(desk.all, Deliver))
    again.start = desk.start + 10  # two seconds later
    again.connect(0)
    again.answer(1, row(7, 700))
    again.tick(6)
    assert again.delivered() == []


@pytest.mark.parametrize(
    ("reviewed", "ages"),
    [
        ({5, 4, 3}, (0, 1, 2, 3)),
        ({5, 3}, (0, 1, 2, 3, 4, 5)),  # what was reviewed has to be so without a gap
        ({4, 3}, (0, 1, 2, 3, 4, 5)),
        (set(), (0, 1, 2, 3, 4, 5)),
    ],
)
def test_a_restart_asks_for_every_day_since_the_last_reviewed(reviewed, ages):
    records = [Began(trade_date=TODAY - timedelta(days=5))]
    records += [
        Verified(trade_date=day, as_of=0.0, reviewed=age in reviewed)
        for age, day in zip((5, 4, 3), days_ago(5, 4, 3), strict=True)
    ]
    desk = Desk()
    desk.ledger.load(records)
    (question,) = desk.connect(0)
    assert question.trade_dates[0] == TODAY
    assert set(question.trade_dates) >= set(days_ago(*ages[:4]))
    if reviewed != {4, 3}:
        assert question.trade_dates == days_ago(*ages)


def test_days_beyond_the_reach_of_the_inquiry_are_let_go_with_an_alarm():
    desk = Desk()
    desk.ledger.load([Began(trade_date=TODAY - timedelta(days=100))])
    alarm, question = desk.connect(0)
    assert alarm.kind is AlarmKind.DAY_UNKNOWN
    assert question.trade_dates == days_ago(*range(91))


def test_a_restart_knows_the_day_it_began_though_nothing_was_counted():
    desk = Desk()
    desk.ledger.load([Began(trade_date=YESTERDAY)])
    (question,) = desk.connect(0)
    assert question.trade_dates == (TODAY, YESTERDAY)


def test_a_restart_before_the_baseline_was_known_still_adopts():
    desk = Desk(replay="none")
    desk.connect(0)
    desk.fill(1, 3)
    for records in (
        desk.ledger.export(),
        [one for one in desk.all if isinstance(one, Deliver)],
    ):
        again = restarted(desk, records, replay="none")
        again.connect(0)
        again.answer(6, row(10, 1_000))
        again.tick(11)
        assert again.delivered() == []
        assert again.ledger.totals(key()).quantity == 10
