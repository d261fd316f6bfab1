"""Every bent rule breaks a test of its own, and the true rules break none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kxt_trio.reconcile.rules import Rules

from . import mutants, test_confirmation, test_ledger_acting, test_ledger_holding
from .desk import Desk
from .ledger_steps import live

Probe = Callable[[Desk], None]

#: The test that each mutant must not survive.
PROBES: dict[type[Rules], Probe] = {
    mutants.NoWait: test_ledger_acting.test_a_notice_that_was_on_its_way_is_not_counted_twice,
    mutants.WaitsTooLong: (
        test_ledger_acting.test_an_answer_is_acted_on_d_after_it_came_and_not_before
    ),
    mutants.NoQuietTest: test_ledger_acting.test_a_fill_not_yet_in_the_totals_spoils_the_answer,
    mutants.QuietOnTheEdge: lambda desk: (
        test_ledger_acting.test_quiet_from_l_before_the_question_until_the_decision(
            desk, 5, False
        )
    ),
    mutants.QuietOnlyBefore: lambda desk: (
        test_ledger_acting.test_quiet_from_l_before_the_question_until_the_decision(
            desk, 12, False
        )
    ),
    mutants.ConfirmsWhatIsCountedNow: (
        test_confirmation.test_agreement_with_what_is_counted_now_proves_nothing
    ),
    mutants.ConfirmsFromTheQuestion: lambda desk: (
        test_confirmation.test_a_notice_of_the_last_l_before_the_question_may_be_too_new(
            desk, 6, False
        )
    ),
    mutants.ConfirmsOnTheEdge: lambda desk: (
        test_confirmation.test_a_notice_of_the_last_l_before_the_question_may_be_too_new(
            desk, 4, False
        )
    ),
    mutants.ConfirmsAnyMoment: test_confirmation.test_totals_with_more_than_that_do_not,
    mutants.ConfirmsSharesOnly: (
        test_confirmation.test_totals_of_another_amount_confirm_nothing
    ),
    mutants.ConfirmsNothing: (
        test_confirmation.test_totals_of_what_was_counted_l_before_the_question_verify
    ),
    mutants.NoHold: test_ledger_holding.test_a_held_notice_is_absorbed_if_nothing_is_missing,
    mutants.HoldsEarlierOnly: lambda desk: (
        test_ledger_holding.test_a_notice_of_the_seconds_of_the_answer_is_held(desk, 10.9, True)
    ),
    mutants.HoldsByTimeOnly: test_ledger_holding.test_a_notice_beyond_the_order_is_held,
    mutants.HoldsByQuantityOnly: (
        test_ledger_holding.test_a_held_notice_is_absorbed_if_nothing_is_missing
    ),
    mutants.BelievesAtOnce: (
        test_ledger_acting.test_lower_totals_are_believed_after_120_seconds_and_not_before
    ),
    mutants.StandsTooLong: (
        test_ledger_acting.test_lower_totals_are_believed_after_120_seconds_and_not_before
    ),
}


def test_every_mutant_has_its_probe():
    assert set(PROBES) == set(mutants.MUTANTS)


@pytest.mark.parametrize("mutant", mutants.MUTANTS)
def test_the_mutant_is_killed(mutant):
    PROBES[mutant](live(Rules))
    with pytest.raises((AssertionError, ValueError)):
        PROBES[mutant](live(mutant))
