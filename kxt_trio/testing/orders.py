"""The exchange's own values: orders, executions, and the notices that tell of them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

import attrs

from kxt_trio.models import AccountSummary, OrderAction, Side, Venue

__all__ = [
    "Execution",
    "Moment",
    "Notice",
    "NoticeKind",
    "Order",
    "Totals",
    "Withdrawal",
    "Won",
]

#: A price in whole won, in any form that is exact.
Won: TypeAlias = int | str | Decimal


@attrs.frozen(order=True)
class Moment:
    """A point in time, on both clocks.

    Attributes:
        at: Seconds on trio's clock.  Decides what a lagging inquiry already shows.
        wall: The broker's clock, KST.  Decides dates and the times in notices.
    """

    at: float
    wall: datetime


@attrs.frozen
class Execution:
    """Some shares of an order changed hands."""

    moment: Moment
    quantity: int
    price: int


@attrs.frozen
class Withdrawal:
    """Some shares of an order left the book without being traded."""

    moment: Moment
    quantity: int
    action: OrderAction | None


@attrs.frozen
class Totals:
    """What an inquiry can say about an order: sums, never single executions."""

    quantity: int
    amount: int
    withdrawn: int
    rejected: int
    cancelled: bool


class NoticeKind(Enum):
    """What a notice tells; the values are RFUS_YN, CNTG_YN, ACPT_YN."""

    ACCEPTED = ("0", "1", "1")
    FILLED = ("0", "2", "2")
    #: An amendment or a cancellation took effect.
    CONFIRMED = ("0", "1", "2")
    #: The unfilled rest of an IOC or FOK order was cancelled.
    LAPSED = ("0", "1", "3")
    REJECTED = ("1", "1", "1")


@attrs.define(eq=False, kw_only=True)
class Order:
    """An order, or a request to change one: each has a number of its own.

    ``price`` is the limit in won, 0 where the order has none.
    """

    order_id: str
    placed: Moment
    account: AccountSummary
    symbol: str
    side: Side
    quantity: int
    price: int
    order_type: str
    venue: Venue
    action: OrderAction = OrderAction.NEW
    original: Order | None = None
    executions: list[Execution] = attrs.field(factory=list[Execution])
    withdrawals: list[Withdrawal] = attrs.field(factory=list[Withdrawal])
    rejected: Moment | None = None
    #: An inquiry says that nothing is left of this order, whatever is true.
    misreported_finished: bool = False
    #: Shares and won that an inquiry gives as traded, whatever is true.
    misreported_totals: tuple[int, int] | None = None
    #: An inquiry's row of this order has no quantity that could be read.
    garbled: bool = False
    #: An inquiry lists this order once for each venue at which the router traded.
    split: bool = False

    @property
    def day(self) -> date:
        """The trade date; order numbers are unique within it."""
        return self.placed.wall.date()

    @property
    def open_quantity(self) -> int:
        """Shares that can still be filled."""
        if self.action is OrderAction.CANCEL:
            return 0
        totals = self.totals()
        return self.quantity - totals.quantity - totals.withdrawn - totals.rejected

    def totals(self, until: float = float("inf")) -> Totals:
        """Add up what happened until then, on trio's clock."""
        executions = [one for one in self.executions if one.moment.at <= until]
        withdrawals = [one for one in self.withdrawals if one.moment.at <= until]
        return Totals(
            quantity=sum(one.quantity for one in executions),
            amount=sum(one.quantity * one.price for one in executions),
            withdrawn=sum(one.quantity for one in withdrawals),
            rejected=self.quantity if self.rejected and self.rejected.at <= until else 0,
            cancelled=any(one.action is not OrderAction.AMEND for one in withdrawals),
        )

    def decimal_totals(self) -> tuple[Decimal, Decimal]:
        """Return filled quantity and amount as the library counts them."""
        totals = self.totals()
        return Decimal(totals.quantity), Decimal(totals.amount)


@attrs.frozen
class Notice:
    """One thing the broker tells: ``quantity`` and ``price`` of this event alone."""

    kind: NoticeKind
    order: Order
    moment: Moment
    quantity: int
    price: int
