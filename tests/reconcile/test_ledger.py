"""The ledger's first rule, and what holds the others together."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from kxt_trio.reconcile.facts import OrderKey, kst_date, kst_midnight
from kxt_trio.reconcile.findings import Alarm, AlarmKind, Deliver
from kxt_trio.reconcile.ledger import Ledger

from .desk import TODAY, Desk, key, row
from .ledger_steps import YESTERDAY, alarms, days_ago, only, recover, settle

# 1. Live fills


def test_a_live_fill_goes_out_at_once_and_twins_are_two(desk):
    (first,) = only(desk.fill(1, 5, 70_000), Deliver)
    (second,) = only(desk.fill(1, 5, 70_000), Deliver)
    assert (first.quantity, first.amount, first.price) == (5, 350_000, 70_000)
    assert first.fill_id == f"real.a1b2.{TODAY:%Y%m%d}.0000000001.0-5"
    assert second.fill_id.endswith(".5-10")
    assert second.cumulative_quantity == 10
    assert first.earliest == first.latest == desk.start + 1


def test_amounts_may_have_fractions(desk):
    (fill,) = only(desk.fill(1, 3, Decimal("0.1")), Deliver)  # type: ignore[arg-type]
    assert fill.amount == Decimal("0.3")


def test_live_fills_beyond_the_order_are_delivered_with_an_alarm(desk):
    desk.order(0, 5, 2)
    assert only(desk.fill(1, 5, number=2), Alarm) == []
    found = desk.fill(1, 1, number=2)
    assert len(only(found, Deliver)) == 1
    assert alarms(found) == [AlarmKind.OVERFILLED]


# 8. Orders entered elsewhere


def test_an_order_never_heard_of_is_recovered(desk):
    desk.answer(10, row(0, 0), row(5, 500, 77))
    desk.tick(15)
    assert desk.delivered() == [("recovered", 5, 500)]
    assert desk.ledger.totals(key(77)).amount == 500


# What holds them together


def test_numbers_name_orders_of_their_day_only():
    desk = Desk()
    desk.connect(0)
    desk.fill(1, 5, number=1, day=YESTERDAY)
    desk.fill(1, 3, number=1)
    assert desk.ledger.totals(key(1, YESTERDAY)).quantity == 5
    assert desk.ledger.totals(key(1)).quantity == 3
    assert desk.ledger.totals(key(9)).quantity == 0


def test_padding_does_not_make_another_order():
    short, padded = (OrderKey("real", "x", TODAY, text) for text in ("45793", "0000045793"))
    assert (short, short.text) == (padded, padded.text)


def test_days_that_are_settled_are_forgotten_after_a_while(desk):
    settle(desk, row(0, 0))
    at = 0.0
    for _ in range(10):
        at += 86_400
        desk.tick(at)
        days = desk.question().trade_dates
        for asked in (at + 6, at + 130):
            desk.answer(asked, row(0, 0), days=days)
            desk.tick(asked + 5)
        assert desk.ledger.verified
    assert desk.ledger.totals(key()).quantity == 0
    assert desk.ledger.statistics().orders <= 1
    assert len(desk.ledger._book.days) <= 9


def test_a_sleeping_machine_doubts_every_day_it_slept_through(desk):
    settle(desk, row(0, 0))
    desk.tick(3 * 86_400)
    assert desk.question().trade_dates == days_ago(-3, -2, -1, 0)


def test_statistics_tell_how_things_stand(desk):
    desk.fill(1, 5)
    recover(desk, 7)
    desk.fill(17, 2, executed=10)
    figures = desk.ledger.statistics()
    assert (figures.live, figures.recovered, figures.held) == (1, 1, 1)
    assert (figures.orders, figures.unverified_orders, figures.days_in_doubt) == (1, 1, 0)
    assert figures.snapshots == 1
    assert figures.worst_lag == 7


def test_an_idle_ledger_has_no_deadline():
    assert Ledger().deadline == math.inf


def test_dates_are_korean():
    midnight = kst_midnight(TODAY)
    assert kst_date(midnight) == TODAY
    assert kst_date(midnight - 0.001) == YESTERDAY


@pytest.mark.parametrize("name", ["stream_lag", "rest_lag", "audit_interval"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_policy_without_sense_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        Desk(**{name: value})
