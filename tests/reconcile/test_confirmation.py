"""Orders that never rest: what an answer about them proves, and what it does not."""

from __future__ import annotations

import math

import attrs
import pytest

from kxt_trio.reconcile.findings import Deliver, NeedSnapshot, Reason, Verified
from kxt_trio.reconcile.rules import LedgerPolicy, Rules
from kxt_trio.reconcile.tally import Tally

from .desk import Desk, key, row
from .ledger_steps import only


def test_totals_of_what_was_counted_l_before_the_question_verify(desk):
    desk.fill(3, 2)
    desk.fill(9, 1)  # neither this nor the next is in the totals, and both may be
    desk.answer(9, row(2, 200))
    desk.fill(12, 1)
    desk.tick(14)
    assert desk.ledger.verified
    assert desk.delivered() == [("live", 2, 200), ("live", 1, 100), ("live", 1, 100)]


def test_totals_with_more_than_that_do_not(desk):
    desk.fill(3, 2)
    desk.fill(9, 1)
    desk.answer(9, row(3, 300))  # the newest, or a twin that was missed
    desk.tick(14)
    assert not desk.ledger.verified


@pytest.mark.parametrize(("at", "verified"), [(3.999, True), (4, False), (6, False)])
def test_a_notice_of_the_last_l_before_the_question_may_be_too_new(desk, at, verified):
    desk.fill(1, 2)
    desk.fill(at, 1)
    desk.answer(9, row(3, 300))  # that is what is counted; or a twin is missing
    desk.fill(10, 1)
    desk.tick(14)
    assert desk.ledger.verified is verified


def test_totals_of_another_amount_confirm_nothing(desk):
    desk.fill(3, 2)
    desk.answer(9, row(2, 201))
    desk.fill(12, 1)
    desk.tick(14)
    assert not desk.ledger.verified


def test_agreement_with_what_is_counted_now_proves_nothing(desk):
    """One twin was missed, the other is too new for these totals."""
    desk.fill(1, 2)
    desk.fill(9, 1)
    desk.answer(9, row(3, 300))
    desk.tick(14)
    assert desk.ledger._book.tally(key()).verified_at < 0
    desk.answer(15, row(4, 400))
    desk.tick(20)
    assert desk.delivered()[-1] == ("recovered", 1, 100)


def test_an_order_filled_after_the_question_is_not_missing_from_the_answer(desk):
    desk.answer(6, row(0, 0))
    desk.fill(7, 1, number=2)
    desk.tick(11)
    assert desk.ledger.verified
    assert not list(desk.ledger._book.unresolved())


def test_a_day_is_verified_no_further_than_its_oldest_order(desk):
    desk.fill(1, 2)
    desk.answer(7, row(2, 200), order=key())  # of the one order alone
    desk.tick(12)
    desk.fill(12.5, 1)
    desk.answer(13, row(3, 300))  # not quiet, and not proved
    desk.tick(18)
    (verified,) = only(desk.all, Verified)
    assert verified.as_of == desk.start + 2


def until(desk: Desk, at: float, count: int) -> None:
    """Let the ledger do what it has to until then; totals are always fresh."""
    while True:
        question = desk.ledger._question
        asked = math.inf if question is None else question.not_before
        if min(asked, desk.ledger.deadline) > at:
            return
        if asked <= desk.ledger.deadline:
            order = None if question is None else question.order
            desk.answer(asked, row(count, 100 * count), order=order)
        else:
            desk.tick(desk.ledger.deadline)


def test_an_order_in_doubt_is_asked_about_as_soon_as_it_rests(desk):
    for second in range(1, 60):
        until(desk, second, second - 1)
        desk.fill(second, 1)
    assert not desk.ledger.verified
    until(desk, 59 + 5.1, 59)
    desk.fill(65, 1)  # too late to spoil it
    until(desk, 59 + 5.1 + 5, 60)
    assert desk.ledger.verified


def test_an_order_contested_at_an_audit_is_asked_about_when_it_rests(desk):
    for asked in (0, 6):
        desk.answer(asked, row(0, 0))
        desk.tick(asked + 5)
    desk.answer(121, row(0, 0))
    desk.tick(126)
    for at in (150, 150.5):
        desk.fill(at, 3)
    desk.answer(151, row(3, 300))
    desk.tick(156)
    assert desk.ledger.verified  # it was, since the link was opened
    question = desk.question()
    assert (question.reason, question.order) == (Reason.UNRESOLVED, key())
    assert question.not_before < 159
    desk.answer(157, row(6, 600), order=key())
    desk.tick(162)
    assert desk.ledger.statistics().unverified_orders == 0


def test_what_is_asked_at_pauses_is_no_more_than_what_settling_would_ask(desk):
    before = len(desk.all)
    at = 0.0
    for second in range(60):  # sixty orders, of which one comes to rest every second
        at = float(second)
        while desk.ledger.deadline <= at:
            desk.tick(desk.ledger.deadline)
        desk.fill(at, 1, number=100 + second)
    questions = only(desk.all[before:], NeedSnapshot)
    assert len(questions) < 40


def test_a_restart_knows_of_no_moment_before_its_last_notice(desk):
    desk.fill(8, 5)
    again = Desk()
    again.start = desk.start + 10
    again.ledger.load(only(desk.all, Deliver))
    again.connect(0)
    tally = again.ledger._book.tally(key())
    assert tally.counted_before(-2) is None  # received at this moment
    assert tally.counted_before(-1.9) is not None


def test_a_provisional_or_held_order_is_never_confirmed():
    policy = LedgerPolicy()
    rules = Rules(policy)
    tally = Tally(key(), quantity=3, amount=300)
    assert rules.confirms(tally, row(3, 300), 100)
    assert not rules.confirms(tally, row(3, 301), 100)
    tally.provisional = True
    assert not rules.confirms(tally, row(3, 300), 100)
    assert attrs.fields(LedgerPolicy).rest_lag.default == policy.rest_lag
