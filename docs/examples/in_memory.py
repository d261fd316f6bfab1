"""The stand-in broker without pytest."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from kxt_trio import open_fill_stream
from kxt_trio.testing import FakeKIS


async def main() -> None:
    async with (
        FakeKIS() as kis,
        open_fill_stream(**kis.credentials, network=kis.network) as fills,
    ):
        order_id = kis.place("005930", quantity=10, price=69950)
        kis.fill(order_id, quantity=4, price=69940)
        fill = await fills.receive()
        print(fill.report.quantity, "at", fill.report.price)


if __name__ == "__main__":
    trio.run(main, clock=MockClock(autojump_threshold=0))
