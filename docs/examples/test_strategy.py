from __future__ import annotations

from decimal import Decimal

import trio
from strategy import take_profit
from trio.testing import MockClock

from kxt_trio import open_fill_stream
from kxt_trio.testing import FakeKIS


class FakeDesk:
    """Sells at the stand-in broker; a call takes 200 ms, as one over the network may."""

    def __init__(self, kis: FakeKIS) -> None:
        self.kis = kis
        self.sold: list[tuple[int, int]] = []

    async def sell(self, symbol: str, quantity: Decimal, price: Decimal) -> None:
        await trio.sleep(0.2)
        self.kis.place(symbol, quantity=int(quantity), price=price, side="sell")
        self.sold.append((int(quantity), int(price)))


async def test_every_bought_share_is_offered_again(
    fake_kis: FakeKIS, autojump_clock: MockClock
) -> None:
    desk = FakeDesk(fake_kis)
    async with (
        open_fill_stream(**fake_kis.credentials, network=fake_kis.network) as fills,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(take_profit, fills, desk)
        order_id = fake_kis.place("005930", quantity=10, price=69_900)
        fake_kis.fill(order_id, quantity=4, price=69_800)
        await trio.sleep(3600)
        fake_kis.fill(order_id, quantity=6)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert desk.sold == [(4, 70_400), (6, 70_500)]


async def test_what_was_bought_while_the_link_was_down_is_offered_too(
    fake_kis: FakeKIS, autojump_clock: MockClock
) -> None:
    desk = FakeDesk(fake_kis)
    async with (
        open_fill_stream(**fake_kis.credentials, network=fake_kis.network) as fills,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(take_profit, fills, desk)
        order_id = fake_kis.place("005930", quantity=10, price=69_900)
        fake_kis.drop()
        fake_kis.fill(order_id, quantity=4)  # no notice comes, then or later
        await trio.sleep(10)
        fake_kis.fill(order_id, quantity=6)
        await trio.sleep(30)
        nursery.cancel_scope.cancel()
    assert desk.sold == [(4, 70_500), (6, 70_500)]


async def test_a_trading_day(fake_kis: FakeKIS, autojump_clock: MockClock) -> None:
    desk = FakeDesk(fake_kis)
    async with (
        open_fill_stream(**fake_kis.credentials, network=fake_kis.network) as fills,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(take_profit, fills, desk)
        for turn in range(78):  # 09:00 to 15:30
            fake_kis.fill(fake_kis.place("005930", quantity=1 + turn % 5, price=69_900))
            await trio.sleep(300)
        nursery.cancel_scope.cancel()
    bought = sum(quantity for quantity, _ in fake_kis.totals().values())
    assert sum(quantity for quantity, _ in desk.sold) == bought
