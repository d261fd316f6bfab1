"""The demo's orders, and what becomes of each."""

from __future__ import annotations

from decimal import Decimal

import attrs

from kxt_trio import Side

from .rows import grouped

__all__ = ["PLANS", "PlacedOrder", "Plan"]


@attrs.frozen
class Plan:
    """An order and its fills: before the link is cut, while it is down, and after."""

    symbol: str
    side: Side
    price: int
    before: tuple[int, ...]
    unheard: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def quantity(self) -> int:
        """Shares of the whole order."""
        return sum(self.before + self.unheard + self.after)


#: The two equal fills in a row are meant: they are two fills, and have to stay two.
PLANS = (
    Plan("005930", Side.BUY, 69_950, (10, 25, 25), (15,), (25,)),
    Plan("000660", Side.SELL, 182_500, (20,), (30,), ()),
    Plan("035720", Side.BUY, 41_250, (), (), (24, 16)),
)


@attrs.define
class PlacedOrder:
    """An order at the stand-in broker, and what was filled while the link was down."""

    order_id: str
    plan: Plan
    unheard_quantity: int = 0
    unheard_amount: int = 0

    def line(self, quantity: int) -> str:
        """Describe the order, or a fill of it."""
        plan = self.plan
        return (
            f"{self.order_id}  {plan.side.value:<4} {quantity:>4} x {plan.symbol} "
            f"at {grouped(Decimal(plan.price)):>7}"
        )
