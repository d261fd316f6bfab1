"""The rules of the ledger, one by one, and their edges to the instant."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from kxt_trio.reconcile.facts import OrderKey, Page, Snapshot, kst_date, kst_midnight
from kxt_trio.reconcile.findings import (
    Absorbed,
    Alarm,
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
from kxt_trio.reconcile.ledger import Ledger

from .desk import TODAY, Desk, key, row
from .ledger_steps import YESTERDAY, alarms, days_ago, only, recover, restarted, settle

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


# 2. When to ask


def test_nothing_is_asked_before_the_subscription():
    desk = Desk()
    assert desk.open(0) == [Began(trade_date=TODAY)]
    (question,) = desk.connect(1)
    assert question == NeedSnapshot(
        not_before=1, reason=Reason.CONNECTED, trade_dates=(TODAY,), order=None
    )


def test_questions_come_every_two_seconds_then_ever_more_rarely():
    desk = Desk()
    desk.connect(0)
    gaps, last = [], 0.0
    while len(gaps) < 20:
        desk.answer(last, complete=True)
        at = desk.question().not_before
        gaps.append(at - last)
        last = at
    assert gaps[:10] == [2.0] * 10
    assert all(early <= late for early, late in pairwise(gaps))
    assert gaps[-1] == 30.0


def test_open_orders_are_audited(desk):
    settle(desk, row(0, 0))
    assert desk.question().reason is Reason.AUDIT
    assert desk.question().not_before == 121 + 30


def test_without_open_orders_there_is_one_more_look_and_then_one_every_five_minutes():
    desk = Desk()
    desk.connect(0)
    desk.answer(6)
    desk.tick(11)
    assert desk.ledger.verified
    assert desk.question().reason is Reason.REVIEW
    assert desk.question().not_before == 120
    asked = len(desk.all)
    desk.answer(120)
    desk.tick(125)
    question, verified = desk.all[asked:]
    assert verified.reviewed
    assert (question.reason, question.not_before) == (Reason.AUDIT, 120 + 300)


def test_nobody_looks_at_night():
    desk = Desk(start=kst_midnight(TODAY) + 19.99 * 3600)
    desk.connect(0)
    desk.answer(6)
    desk.tick(11)
    desk.tick(36)  # 20:00, the end of a session
    desk.answer(42)
    desk.tick(47)
    desk.answer(160)
    desk.tick(165)
    assert desk.ledger.verified
    at = desk.start + desk.question().not_before
    assert at == kst_midnight(TODAY) + 86_400 + 8 * 3600


def test_an_order_that_looks_finished_is_asked_about(desk):
    settle(desk, row(0, 0))
    desk.fill(130, 100)
    assert desk.question().reason is Reason.FINISHED
    assert desk.question().not_before == 135


def test_a_cancelled_rest_finishes_an_order(desk):
    settle(desk, row(0, 0))
    desk.fill(130, 40)
    desk.order(131, None, withdrawn=60)
    assert desk.question().reason is Reason.FINISHED


def test_an_unreadable_frame_is_asked_about_at_once_and_leaves_doubt(desk):
    settle(desk, row(0, 0))
    (question,) = desk.unreadable(140)
    assert (question.reason, question.not_before) == (Reason.UNREADABLE, 140)
    assert not desk.ledger.verified
    desk.answer(144.9, row(0, 0))  # may not reach back to the frame
    desk.tick(150)
    assert not desk.ledger.verified
    desk.answer(150, row(7, 700))
    desk.tick(155)
    assert desk.delivered() == [("recovered", 7, 700)]
    assert desk.ledger.verified


def test_a_session_end_is_asked_about():
    desk = Desk(idle_audit_interval=86_400)
    desk.connect(0)
    settle(desk)
    end = 5.5 * 3600
    assert desk.ledger.deadline == end
    (question,) = desk.tick(end)
    assert question.reason is Reason.SESSION_END
    assert not desk.ledger.verified


def test_midnight_leaves_yesterday_to_be_asked_about():
    desk = Desk(start=kst_midnight(TODAY) + 86_400 - 10)
    desk.connect(0)
    desk.answer(6)
    desk.tick(9)
    desk.tick(10)
    assert desk.question().trade_dates == (TODAY + timedelta(days=1), TODAY)


def test_one_contested_order_is_asked_about_alone(desk):
    settle(desk, row(0, 0), row(0, 0, 2))
    desk.fill(130, 5)
    desk.answer(151, row(9, 900), row(0, 0, 2))
    desk.fill(152, 1)
    desk.tick(156)  # not quiet
    assert desk.question().order == key(1)
    desk.answer(158, row(10, 1000), order=key(1))
    desk.tick(163)
    assert desk.delivered()[-1] == ("recovered", 4, 400)


def test_no_question_is_repeated_for_every_fill(desk):
    settle(desk, row(0, 0))
    found = [one for at in range(130, 140) for one in desk.fill(at)]
    assert only(found, NeedSnapshot) == []


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


# 5. Holding


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


# 6. The first start, and a restart


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
    assert OrderKey("real", "x", TODAY, "45793") == OrderKey("real", "x", TODAY, "0000045793")


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
