"""Which notices the ledger holds, and what becomes of them."""

from __future__ import annotations

import pytest

from kxt_trio.reconcile.findings import Absorbed, Alarm, AlarmKind, Deliver, Held

from .desk import key, row
from .ledger_steps import only, recover


@pytest.mark.parametrize(("executed", "held"), [(9, True), (10.9, True), (11, False)])
def test_a_notice_of_the_seconds_of_the_answer_is_held(desk, executed, held):
    recover(desk)
    found = desk.fill(16, 5, executed=executed)
    assert bool(only(found, Held)) is held
    assert bool(only(found, Deliver)) is not held


def test_a_notice_beyond_the_order_is_held(desk):
    recover(desk, 98)
    assert only(desk.fill(20, 3), Held)
    assert only(desk.fill(20, 2), Deliver)


def test_without_recovered_shares_nothing_is_held(desk):
    desk.answer(10, row(0, 0))
    desk.tick(15)
    assert only(desk.fill(16, 5, executed=2), Deliver)


def test_a_held_notice_is_absorbed_if_nothing_is_missing(desk):
    recover(desk)
    desk.fill(16, 5, executed=10)
    desk.answer(20, row(5, 500))
    assert only(desk.tick(25), Absorbed) == []  # not quiet: it came after 15
    desk.answer(21.5, row(5, 500))
    (absorbed,) = only(desk.tick(26.5), Absorbed)
    assert absorbed.notice.received_at == 16
    assert desk.delivered() == [("recovered", 5, 500)]
    assert desk.ledger.totals(key()).quantity == 5


def test_a_held_notice_is_released_if_the_totals_have_it(desk):
    recover(desk)
    desk.fill(16, 5, 101, executed=10)
    desk.answer(22, row(10, 1_005))
    found = desk.tick(27)
    assert [(fill.origin, fill.quantity, fill.amount) for fill in only(found, Deliver)] == [
        ("live", 5, 505)
    ]
    # The totals behind the release may reflect what comes late again.
    assert only(desk.fill(28, 1, executed=22), Held)


def test_a_held_notice_is_not_released_if_that_would_leave_a_price_to_guess(desk):
    recover(desk)
    desk.fill(16, 1, 99, executed=10)  # of the recovered shares, or a later one?
    desk.answer(22, row(8, 800))
    found = desk.tick(27)
    assert [(fill.origin, fill.quantity, fill.amount) for fill in only(found, Deliver)] == [
        ("recovered", 3, 300)
    ]
    assert len(only(found, Absorbed)) == 1


def test_of_several_held_the_newest_are_released(desk):
    recover(desk)
    desk.fill(16, 5, executed=9)
    desk.fill(16, 2, executed=10)
    desk.answer(22, row(7, 700))
    found = desk.tick(27)
    assert [fill.quantity for fill in only(found, Deliver)] == [2]
    assert [absorbed.notice.quantity for absorbed in only(found, Absorbed)] == [5]


def test_a_notice_held_for_a_minute_is_an_alarm_once(desk):
    recover(desk)
    desk.fill(16, 5, executed=10)
    assert desk.ledger.deadline <= 76
    assert only(desk.tick(75.9), Alarm) == []
    (alarm,) = only(desk.tick(76), Alarm)
    assert alarm.kind is AlarmKind.HELD_LONG
    assert only(desk.tick(77), Alarm) == []
    assert desk.ledger.statistics().held == 1
