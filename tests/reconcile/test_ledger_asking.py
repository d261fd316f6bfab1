"""When the ledger asks for totals, to the instant."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from kxt_trio.reconcile.facts import kst_midnight
from kxt_trio.reconcile.findings import Began, NeedSnapshot, Reason

from .desk import TODAY, Desk, key, row
from .ledger_steps import only, settle


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
