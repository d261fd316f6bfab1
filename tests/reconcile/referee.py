"""Holds what a ledger says against the truth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from kxt_trio.models import FillOrigin
from kxt_trio.reconcile.facts import Notice, OrderKey, SnapshotRow
from kxt_trio.reconcile.findings import Balance, Correct, Deliver, Verified

from .scenario import Execution, Scenario
from .truth import Outcome, Trade, Truth

__all__ = ["Referee"]


def worth(executions: Iterable[Execution]) -> list[tuple[int, int]]:
    """What executions come to, one by one, in no order."""
    return sorted((one.quantity, one.quantity * one.price) for one in executions)


class Referee:
    """Notes in the outcome whatever is not so."""

    def __init__(
        self, scenario: Scenario, truths: Mapping[OrderKey, Truth], outcome: Outcome
    ) -> None:
        self.scenario = scenario
        self.truths = truths
        self.outcome = outcome

    def count(self, record: Deliver | Balance | Correct) -> None:
        """Add what was counted of an order; it may never be beyond the truth."""
        truth = self.truths[record.order]
        truth.counted_quantity += record.quantity
        truth.counted_amount += record.amount
        if truth.counted_quantity > truth.quantity:
            self.outcome.double_counts += 1

    def delivered(self, fill: Deliver, now: float, live_since: float) -> None:
        """Take in a fill that came at this time, on a link that is live since then."""
        if fill.origin is FillOrigin.RECOVERED:
            self._recovered(fill, now, live_since)
            return
        assert isinstance(fill.source, Notice)
        assert isinstance(fill.source.payload, Trade)
        fill.source.payload.delivered = True

    def _recovered(self, fill: Deliver, now: float, live_since: float) -> None:
        """A recovered fill is, to the won, the executions that were missed."""
        truth = self.truths[fill.order]
        row = fill.source
        assert isinstance(row, SnapshotRow)
        through = row.payload
        assert isinstance(through, float)
        self.outcome.recovered += 1
        quantity = amount = 0
        for trade in truth.trades:
            execution = trade.execution
            if trade.counted or execution.at > through:
                continue
            trade.recovered = True
            if execution.at <= truth.adopted_through:
                continue
            quantity += execution.quantity
            amount += execution.quantity * execution.price
            if trade.absorbed:
                continue
            if trade.down:
                self.outcome.recovery_times.append(now - live_since)
            else:
                self.outcome.silent_times.append(now - execution.at)
        if (fill.quantity, fill.amount) != (quantity, amount):
            self.outcome.mispriced += 1

    def verified(self, verdict: Verified) -> None:
        """All until then is counted, or its notice is still to come.

        A late notice of what the baseline has may be taken for a missed twin of it: the
        same shares for the same won.  Nobody can tell, and nothing is missing.
        """
        until = verdict.as_of - self.scenario.start_wall - self.scenario.clock_error
        for order, truth in self.truths.items():
            if order.trade_date != verdict.trade_date:
                continue
            missed = [
                trade.execution
                for trade in truth.trades
                if not trade.counted and trade.notice_due == math.inf
                if truth.adopted_through < trade.execution.at <= until
            ]
            twice = [
                trade.execution
                for trade in truth.trades
                if trade.counted and trade.execution.at <= truth.adopted_through
            ]
            if missed and worth(missed) != worth(twice):
                self.outcome.false_verified += 1
