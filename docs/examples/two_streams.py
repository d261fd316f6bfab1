"""Two streams on one client: one websocket, two buffers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import trio

from kxt_trio import Credentials, KISClient, Side


async def keep_positions(client: KISClient, positions: Counter[str]) -> None:
    async for fill in client.stream_fill_updates():
        sign = 1 if fill.side is Side.BUY else -1
        positions[fill.instrument.symbol] += sign * int(fill.report.quantity)


async def show_orders(client: KISClient) -> None:
    async with client.stream_order_events() as events:
        async for event in events:
            print(f"{event.occurred_at:%H:%M:%S}", type(event).__name__)


async def listen(positions: Counter[str], **connection: Any) -> None:
    async with KISClient(**connection) as client, trio.open_nursery() as nursery:
        nursery.start_soon(keep_positions, client, positions)
        nursery.start_soon(show_orders, client)


async def main() -> None:
    await listen(Counter(), **Credentials.from_env())


if __name__ == "__main__":
    trio.run(main)
