"""What the demo's stream delivered, beside what the stand-in broker filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import attrs

from kxt_trio import FillEvent, Gap, StreamStatistics
from kxt_trio.watched import Watched

from .plan import PlacedOrder
from .rows import gap_times, grouped

__all__ = ["OrderCount", "Outcome", "Tally"]

_NOTHING = (Decimal(0), Decimal(0))
_HEADS = ("order", "symbol", "side", "ordered", "filled", "delivered", "missed")


class Tally:
    """Adds up the fills of a stream; ``heard`` is how many there were."""

    def __init__(self) -> None:
        self.heard: Watched[int] = Watched(0)
        self._sums: dict[str, tuple[Decimal, Decimal]] = {}

    def add(self, fill: FillEvent) -> Decimal:
        """Count a fill; return the shares of its order delivered so far."""
        self.heard.set(self.heard.value + 1)
        report = fill.report
        quantity, amount = self.sums(report.order_ref.order_id)
        quantity += report.quantity
        self._sums[report.order_ref.order_id] = (
            quantity,
            amount + report.quantity * report.price,
        )
        return quantity

    def sums(self, order_id: str) -> tuple[Decimal, Decimal]:
        """Return shares and won delivered for an order."""
        return self._sums.get(order_id, _NOTHING)


@attrs.frozen(kw_only=True)
class OrderCount:
    """One order: what the broker filled and what was delivered.  Shares.

    ``adds_up``: the difference is exactly what was filled while the link was down, in
    shares and in won.
    """

    order_id: str
    symbol: str
    side: str
    ordered: Decimal
    filled: Decimal
    delivered: Decimal
    adds_up: bool

    @property
    def missed(self) -> Decimal:
        """Shares filled and not delivered."""
        return self.filled - self.delivered


@attrs.frozen(kw_only=True)
class Outcome:
    """How the demo ended."""

    orders: tuple[OrderCount, ...]
    fills: int
    unheard_fills: int
    gaps: tuple[Gap, ...]
    adds_up: bool

    @classmethod
    def of(
        cls,
        placed: Sequence[PlacedOrder],
        truth: Mapping[str, tuple[Decimal, Decimal]],
        tally: Tally,
        statistics: StreamStatistics,
        unheard_times: Sequence[datetime],
    ) -> Outcome:
        """Compare the broker's totals with the stream's."""
        orders = tuple(
            _count(order, truth.get(order.order_id, _NOTHING), tally) for order in placed
        )
        gaps_cover = all(
            any(_covers(gap, moment) for gap in statistics.gaps) for moment in unheard_times
        )
        return cls(
            orders=orders,
            fills=tally.heard.value,
            unheard_fills=len(unheard_times),
            gaps=statistics.gaps,
            adds_up=gaps_cover
            and not statistics.unreadable
            and all(order.adds_up for order in orders),
        )

    @property
    def filled(self) -> Decimal:
        """Shares the broker filled."""
        return sum((order.filled for order in self.orders), Decimal(0))

    @property
    def delivered(self) -> Decimal:
        """Shares the stream delivered."""
        return sum((order.delivered for order in self.orders), Decimal(0))

    @property
    def missed(self) -> Decimal:
        """The difference."""
        return self.filled - self.delivered

    def table(self) -> Iterator[str]:
        """Yield the lines of the final table: heads, orders, totals."""
        yield _line(*_HEADS)
        for order in self.orders:
            figures = (order.ordered, order.filled, order.delivered, order.missed)
            yield _line(order.order_id, order.symbol, order.side, *map(grouped, figures))
        ordered = sum((order.ordered for order in self.orders), Decimal(0))
        figures = (ordered, self.filled, self.delivered, self.missed)
        yield _line("total", "", "", *map(grouped, figures))

    def sentences(self) -> Iterator[str]:
        """Yield what the table means."""
        times = ", ".join(map(gap_times, self.gaps)) or "none"
        yield (
            f"Delivered {grouped(self.delivered)} of {grouped(self.filled)} shares, "
            f"in {_fills(self.fills)}."
        )
        yield (
            f"Missed while the link was down: {grouped(self.missed)} shares, "
            f"in {_fills(self.unheard_fills)}."
        )
        yield f"The stream reported the gap itself: {times}, broker's clock."
        if self.adds_up:
            yield "The difference is exactly what was filled in the gap; nothing came twice."
            yield "This version reports a gap; it does not yet fetch what was missed in it."
        else:
            yield "These numbers do NOT add up: the gap does not explain the difference."


def _fills(count: int) -> str:
    return "1 fill" if count == 1 else f"{count} fills"


def _count(order: PlacedOrder, truth: tuple[Decimal, Decimal], tally: Tally) -> OrderCount:
    delivered = tally.sums(order.order_id)
    missed = (truth[0] - delivered[0], truth[1] - delivered[1])
    return OrderCount(
        order_id=order.order_id,
        symbol=order.plan.symbol,
        side=order.plan.side.value,
        ordered=Decimal(order.plan.quantity),
        filled=truth[0],
        delivered=delivered[0],
        adds_up=missed == (Decimal(order.unheard_quantity), Decimal(order.unheard_amount)),
    )


def _covers(gap: Gap, moment: datetime) -> bool:
    return gap.start <= moment and (gap.end is None or moment <= gap.end)


def _line(order: str, symbol: str, side: str, *figures: str) -> str:
    return f"{order:<10}  {symbol:<6}  {side:<4}" + "".join(f"{text:>11}" for text in figures)
