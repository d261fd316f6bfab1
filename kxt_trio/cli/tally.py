"""What the demo's stream delivered, beside what the stand-in broker filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

import attrs

from kxt_trio import FillEvent, FillOrigin, Gap, StreamStatistics
from kxt_trio.watched import Watched

from .plan import PlacedOrder
from .rows import gap_times, grouped

__all__ = ["OrderCount", "Outcome", "Sums", "Tally"]

#: Shares and won, by order number.
Sums: TypeAlias = Mapping[str, tuple[Decimal, Decimal]]

_NOTHING = (Decimal(0), Decimal(0))


class Tally:
    """Adds up the fills of a stream; ``live`` and ``recovered`` are how many there were."""

    def __init__(self) -> None:
        self.live: int = 0
        self.recovered: int = 0
        self._heard: Watched[int] = Watched(0)
        self._sums: dict[str, tuple[Decimal, Decimal]] = {}

    def add(self, fill: FillEvent) -> Decimal:
        """Count a fill; return the shares of its order delivered so far."""
        if fill.origin is FillOrigin.LIVE:
            self.live += 1
        else:
            self.recovered += 1
        order_id = fill.report.order_ref.order_id
        quantity, amount = self._sums.get(order_id, _NOTHING)
        quantity += fill.report.quantity
        self._sums[order_id] = quantity, amount + fill.amount
        self._heard.set(self._heard.value + 1)
        return quantity

    @property
    def sums(self) -> Sums:
        """Return shares and won delivered."""
        return self._sums

    async def wait_live(self, count: int) -> None:
        """Wait for so many live fills."""
        await self._heard.wait(lambda _: self.live >= count)

    async def wait_sums(self, sums: Sums) -> None:
        """Wait until as much was delivered."""
        await self._heard.wait(lambda _: self._sums == sums)


@attrs.frozen(kw_only=True)
class OrderCount:
    """One order: shares and won, at the broker and delivered."""

    order_id: str
    symbol: str
    side: str
    filled: Decimal
    filled_amount: Decimal
    delivered: Decimal
    delivered_amount: Decimal

    @property
    def adds_up(self) -> bool:
        """Whether they are the same, to the share and to the won."""
        return (self.filled, self.filled_amount) == (self.delivered, self.delivered_amount)


@attrs.frozen(kw_only=True)
class Outcome:
    """How the demo ended."""

    orders: tuple[OrderCount, ...]
    live: int
    recovered: int
    gaps: tuple[Gap, ...]

    @classmethod
    def of(
        cls,
        placed: Sequence[PlacedOrder],
        truth: Sums,
        tally: Tally,
        statistics: StreamStatistics,
    ) -> Outcome:
        """Compare the broker's totals with the stream's."""
        known = {order.order_id: order for order in placed}
        numbers = dict.fromkeys([*known, *truth, *tally.sums])
        return cls(
            orders=tuple(
                _count(number, known.get(number), truth, tally.sums) for number in numbers
            ),
            live=tally.live,
            recovered=tally.recovered,
            gaps=statistics.gaps,
        )

    @property
    def adds_up(self) -> bool:
        """Whether broker and stream agree on every order."""
        return all(order.adds_up for order in self.orders)

    @property
    def total(self) -> OrderCount:
        """All orders together."""
        orders = self.orders
        return OrderCount(
            order_id="total",
            symbol="",
            side="",
            filled=_sum(order.filled for order in orders),
            filled_amount=_sum(order.filled_amount for order in orders),
            delivered=_sum(order.delivered for order in orders),
            delivered_amount=_sum(order.delivered_amount for order in orders),
        )

    def table(self) -> Iterator[str]:
        """Yield the lines of the final table: two of heads, orders, totals."""
        yield f"{'':<24}{'the broker filled':>24}   {'delivered':>24}".rstrip()
        yield _line("order", "symbol", "side", "shares", "won", "shares", "won")
        for order in (*self.orders, self.total):
            figures = (
                order.filled,
                order.filled_amount,
                order.delivered,
                order.delivered_amount,
            )
            yield _line(order.order_id, order.symbol, order.side, *map(grouped, figures))

    def sentences(self) -> Iterator[str]:
        """Yield what the table means; the last says whether all is well."""
        yield (
            f"Delivered: {_fills(self.live)} as they happened, {self.recovered} recovered "
            "from the broker's totals."
        )
        times = ", ".join(map(gap_times, self.gaps)) or "none"
        yield f"Gap reported by the stream: {times}, broker's clock."
        if self.adds_up:
            yield "broker totals = delivered totals"
        else:
            wrong = ", ".join(order.order_id for order in self.orders if not order.adds_up)
            yield f"broker totals and delivered totals DIFFER: order {wrong}"


def _fills(count: int) -> str:
    return "1 fill" if count == 1 else f"{count} fills"


def _sum(figures: Iterator[Decimal]) -> Decimal:
    return sum(figures, Decimal(0))


def _count(number: str, order: PlacedOrder | None, truth: Sums, sums: Sums) -> OrderCount:
    filled, filled_amount = truth.get(number, _NOTHING)
    delivered, delivered_amount = sums.get(number, _NOTHING)
    return OrderCount(
        order_id=number,
        symbol="" if order is None else order.plan.symbol,
        side="" if order is None else order.plan.side.value,
        filled=filled,
        filled_amount=filled_amount,
        delivered=delivered,
        delivered_amount=delivered_amount,
    )


def _line(order: str, symbol: str, side: str, *figures: str) -> str:
    filled, filled_won, delivered, delivered_won = figures
    return (
        f"{order:<10}  {symbol:<6}  {side:<4}"
        f"{filled:>9}{filled_won:>15}   {delivered:>9}{delivered_won:>15}"
    )
