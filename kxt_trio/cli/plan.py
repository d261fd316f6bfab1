"""The demo's orders, and what becomes of each."""

from __future__ import annotations

from decimal import Decimal

import attrs

from kxt_trio import Side

from .rows import grouped

__all__ = ["PLANS", "PlacedOrder", "Plan"]


@attrs.frozen
class Plan:
    """An order and its fills.

    Before the link is cut, while it is down, after it was mended, and those of which the
    broker loses the notice on a link that works.
    """

    symbol: str
    side: Side
    price: int
    before: tuple[int, ...]
    unheard: tuple[int, ...]
    after: tuple[int, ...]
    dropped: tuple[int, ...] = ()

    @property
    def quantity(self) -> int:
        """Shares of the whole order."""
        return sum(self.before + self.unheard + self.after + self.dropped)


#: The two equal fills in a row are meant: they are two fills, and have to stay two.
PLANS = (
    Plan("005930", Side.BUY, 69_950, (10, 25, 25), (15,), (), (25,)),
    Plan("000660", Side.SELL, 182_500, (20,), (30,), ()),
    Plan("035720", Side.BUY, 41_250, (), (), (24, 16)),
)


@attrs.frozen
class PlacedOrder:
    """An order at the stand-in broker."""

    order_id: str
    plan: Plan

    def line(self, quantity: int) -> str:
        """Describe the order, or a fill of it."""
        plan = self.plan
        return (
            f"{self.order_id}  {plan.side.value:<4} {quantity:>4} x {plan.symbol} "
            f"at {grouped(Decimal(plan.price)):>7}"
        )
