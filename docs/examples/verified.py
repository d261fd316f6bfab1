"""Trade only on a position that the broker has confirmed."""

from __future__ import annotations

from kxt_trio import FillStream


async def wait_until_known(fills: FillStream) -> str:
    await fills.wait_verified()
    figures = fills.statistics()
    return f"{figures.recovered} recovered, {figures.unverified_orders} unverified"
