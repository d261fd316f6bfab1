"""When the ledger acts on the totals of an answer, to the instant."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kxt_trio.reconcile.facts import Page, Snapshot
from kxt_trio.reconcile.findings import Alarm, AlarmKind, Correct, Deliver

from .desk import TODAY, Desk, key, row
from .ledger_steps import alarms, only, settle

# 3. When to act


def test_an_answer_is_acted_on_d_after_it_came_and_not_before(desk):
    desk.answer(10, row(5, 500), answered=11)
    assert desk.ledger.deadline == 16
    desk.tick(15.999)
    assert desk.delivered() == []
    desk.tick(16)
    assert desk.delivered() == [("recovered", 5, 500)]


def test_a_notice_that_was_on_its_way_is_not_counted_twice(desk):
    desk.answer(10, row(5, 500), answered=11)
    desk.tick(12)
    desk.fill(16, 5, executed=11)  # in the very instant
    desk.tick(16)
    assert desk.delivered() == [("live", 5, 500)]


@pytest.mark.parametrize("again", [False, True])
def test_an_answer_dies_with_its_subscription(desk, again):
    desk.answer(10, row(5, 500))
    desk.disconnect(12)
    if again:
        desk.connect(13)
    desk.tick(20)
    assert desk.delivered() == []
    assert desk.ledger.statistics().dropped == 1


def test_an_answer_to_a_question_from_before_the_subscription_is_dropped(desk):
    desk.disconnect(9)
    desk.connect(11)
    desk.answer(10.5, row(5, 500), answered=11.5)
    desk.tick(20)
    assert desk.delivered() == []


def test_slow_notices_raise_d_and_lateness_is_an_alarm():
    desk = Desk()
    desk.connect(0)
    assert only(desk.fill(10, executed=7), Alarm) == []
    assert desk.ledger.statistics().stream_lag == 6
    (alarm,) = only(desk.fill(30, executed=20), Alarm)
    assert alarm.kind is AlarmKind.LATE_NOTICE
    assert desk.ledger.statistics().stream_lag == 20
    desk.fill(631)
    assert desk.ledger.statistics().stream_lag == 5


# 4. The quiet test


def test_a_fill_not_yet_in_the_totals_spoils_the_answer(desk):
    desk.fill(10, 3, 100)
    desk.answer(12, row(5, 600))  # of before the fill: 5 missed, not 2
    desk.tick(17)
    assert desk.delivered() == [("live", 3, 300)]
    desk.answer(19, row(8, 900))
    desk.tick(24)
    assert desk.delivered()[1:] == [("recovered", 5, 600)]


@pytest.mark.parametrize(("at", "quiet"), [(4.999, True), (5, False), (12, False), (15, False)])
def test_quiet_from_l_before_the_question_until_the_decision(desk, at, quiet):
    if at <= 10:
        desk.fill(at)
    desk.answer(10, row(3, 300))
    if at > 10:
        desk.fill(at)
    desk.tick(15)
    assert (("recovered", 2, 200) in desk.delivered()) is quiet


def test_the_whole_order_needs_no_quiet(desk):
    desk.fill(10, 30)
    desk.answer(10, row(100, 10_000))
    desk.tick(15)
    assert desk.delivered()[1:] == [("recovered", 70, 7_000)]


def test_what_was_cancelled_is_not_part_of_the_whole(desk):
    desk.order(1, None, withdrawn=60)
    desk.fill(10, 30)
    desk.answer(10, row(40, 4_000))
    desk.tick(15)
    assert desk.delivered()[1:] == [("recovered", 10, 1_000)]


def test_an_amendment_takes_its_shares_from_the_parent_once(desk):
    for _ in range(2):
        desk.order(1, 60, 2, parent=key(1))
    desk.fill(10, 30)
    desk.answer(10, row(40, 4_000))
    desk.tick(15)
    assert desk.delivered()[1:] == [("recovered", 10, 1_000)]


def test_a_recovered_fill_is_exact_and_says_when(desk):
    settle(desk, row(0, 0))
    desk.answer(150, row(3, 1_000), answered=151)
    (fill,) = only(desk.tick(156), Deliver)
    assert (fill.quantity, fill.amount) == (3, 1_000)
    assert fill.price == Decimal(1_000) / 3
    assert (fill.earliest, fill.latest) == (desk.start + 116, desk.start + 151)
    assert fill.fill_id.endswith(".0-3")
    assert fill.fence == desk.start + 151
    assert fill.source.quantity == 3


def test_a_later_total_makes_good_for_an_earlier_one(desk):
    for asked, total in ((10, 3), (20, 2), (30, 7)):  # the second is an old one
        desk.answer(asked, row(total, total * 100))
        desk.tick(asked + 5)
    assert desk.delivered() == [("recovered", 3, 300), ("recovered", 4, 400)]


def contradict(desk: Desk, until: float, quantity: int = 3, amount: int = 300) -> list:
    found = []
    at = 20.0
    while at + 5 <= until:
        desk.answer(at, row(quantity, amount))
        found += desk.tick(at + 5)
        at += 5
    return found


def test_lower_totals_are_believed_after_120_seconds_and_not_before(desk):
    desk.fill(1, 5)
    assert only(contradict(desk, 144.9), Correct) == []
    desk.answer(140, row(3, 300))
    desk.tick(144.9)
    found = desk.tick(145)  # the first was acted on at 25
    (correct,) = only(found, Correct)
    assert (correct.quantity, correct.amount) == (-2, -200)
    assert correct.correction_id.endswith(".5-3.r1")
    assert alarms(found) == [AlarmKind.CORRECTED]
    (fill,) = only(desk.fill(150, 2), Deliver)
    assert fill.fill_id.endswith(".3-5.r1")  # never the id of the fill taken back


def test_a_contradiction_that_changes_is_a_new_one(desk):
    desk.fill(1, 5)
    contradict(desk, 100)
    desk.fill(101, 1)
    desk.answer(139, row(3, 300))
    assert only(desk.tick(145), Correct) == []


def test_an_amount_alone_can_be_wrong(desk):
    desk.fill(1, 5)
    (correct,) = only(contradict(desk, 145, 5, 501), Correct)
    assert (correct.quantity, correct.amount) == (0, 1)


# 7. Pages


def test_pages_have_their_own_times(desk):
    desk.fill(12, 1)
    desk.fill(12, 1, number=2)
    pages = (
        Page(11, 11.5, desk.start + 11.5, (row(3, 300),)),
        Page(18, 18.5, desk.start + 18.5, (row(3, 300, 2),)),
    )
    desk.tell(Snapshot(pages, (TODAY,)))
    desk.tick(23.5)
    assert desk.delivered()[2:] == [("recovered", 2, 200)]
    assert desk.ledger.totals(key(2)).quantity == 3


def test_an_order_listed_twice_has_the_larger_totals(desk):
    pages = tuple(
        Page(at, at, desk.start + at, (row(total, total * 100),))
        for at, total in ((10, 4), (11, 6), (12, 5))
    )
    desk.tell(Snapshot(pages, (TODAY,)))
    desk.tick(17)
    assert desk.delivered() == [("recovered", 6, 600)]


def test_absence_from_an_incomplete_answer_means_nothing(desk):
    desk.answer(10, row(5, 500, 2), complete=False)
    desk.tick(15)
    assert desk.delivered() == [("recovered", 5, 500)]  # what it lists counts
    assert desk.ledger.statistics().unverified_orders == 1
    assert not desk.ledger.verified
    assert desk.question().not_before == 12


def test_an_order_the_broker_does_not_list_is_an_alarm_and_no_correction(desk):
    desk.fill(1, 5)
    found = []
    for asked in range(20, 200, 5):
        desk.answer(asked)
        found += desk.tick(asked + 5)
    assert alarms(found) == [AlarmKind.NOT_LISTED]
    assert only(found, Correct) == []
