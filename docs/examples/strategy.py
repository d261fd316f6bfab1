"""Take profit: what was bought is offered again, one percent higher."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from kxt_trio import FillStream, Side

MARGIN = Decimal("1.01")
TICK = Decimal(100)


class OrderDesk(Protocol):
    """Sends orders to the broker: your own code, or another library."""

    async def sell(self, symbol: str, quantity: Decimal, price: Decimal) -> None: ...


async def take_profit(fills: FillStream, desk: OrderDesk) -> None:
    async for fill in fills:
        if fill.side is Side.BUY:
            price = fill.report.price * MARGIN // TICK * TICK
            await desk.sell(fill.instrument.symbol, fill.report.quantity, price)
