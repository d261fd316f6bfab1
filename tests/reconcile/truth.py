"""What the exchange knows of a simulated run, and what came of the run."""

from __future__ import annotations

import math
from typing import Any

import attrs

from kxt_trio.reconcile.facts import OrderKey
from kxt_trio.reconcile.findings import Alarm

from .scenario import Execution, Order

__all__ = ["Outcome", "Trade", "Truth"]


@attrs.define(eq=False)
class Outcome:
    """What came of a run."""

    #: Times that more was delivered than was executed.
    double_counts: int = 0
    #: Recovered fills that are not exactly what was missed.
    mispriced: int = 0
    #: Times that a day was called verified though something missed was not counted.
    false_verified: int = 0
    exact: bool = False
    #: Whether the ledger says so too, and has stopped asking for more time.
    verified: bool = False
    corrections: int = 0
    alarms: list[Alarm] = attrs.field(factory=list)
    recovered: int = 0
    absorbed: int = 0
    #: When the ledger first was verified after the last broken link.
    verified_times: list[float] = attrs.field(factory=list)
    #: From the link being live again to the recovery of what a broken link lost.
    recovery_times: list[float] = attrs.field(factory=list)
    #: From the execution to its recovery, where a live link lost the notice.
    silent_times: list[float] = attrs.field(factory=list)
    facts: int = 0
    ended_at: float = 0.0

    @property
    def sound(self) -> bool:
        """Nothing wrong at any step, and everything right at the end."""
        wrong = self.double_counts or self.mispriced or self.false_verified
        return not wrong and self.exact and self.verified


@attrs.define(eq=False)
class Trade:
    """An execution, and what became of it."""

    execution: Execution
    down: bool = False
    notice_due: float = math.inf
    delivered: bool = False
    recovered: bool = False
    #: Its notice came and was held; it is delivered, or part of a recovered fill.
    absorbed: bool = False

    @property
    def counted(self) -> bool:
        """Nothing of it is missing."""
        return self.delivered or self.recovered


@attrs.define(eq=False)
class Truth:
    """An order as the exchange knows it."""

    key: OrderKey
    order: Order
    trades: list[Trade] = attrs.field(factory=list)
    quantity: int = 0
    amount: int = 0
    counted_quantity: int = 0
    counted_amount: Any = 0
    #: Executions until then are in the baseline.
    adopted_through: float = -math.inf

    def totals(self, until: float) -> tuple[int, int]:
        quantity = amount = 0
        for trade in self.trades:
            execution = trade.execution
            if execution.at <= until:
                quantity += execution.quantity
                amount += execution.quantity * execution.price
        return quantity, amount
