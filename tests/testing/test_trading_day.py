"""A day of trading through the library's own stream, in virtual time."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from random import Random

import pytest
import trio

from kxt_trio import Reconciliation, open_fill_stream
from kxt_trio.testing import FakeKIS

FILLS_OF_AN_ORDER = 2
SECONDS_OF_A_DAY = 6.5 * 3600
SYMBOLS = ("005930", "000660", "035420", "069500")


async def trade(kis: FakeKIS, orders: int) -> None:
    random = Random(20261120)
    for _ in range(orders):
        price = random.randrange(50_000, 90_000, 50)
        order_id = kis.place(
            random.choice(SYMBOLS),
            quantity=100,
            price=price,
            side=random.choice(("buy", "sell")),
        )
        await trio.sleep(random.uniform(0, SECONDS_OF_A_DAY / orders))
        kis.fill(order_id, quantity=random.randrange(1, 100), price=price - 50)
        await trio.sleep(random.uniform(0, SECONDS_OF_A_DAY / orders))
        kis.fill(order_id)


@pytest.mark.parametrize(
    ("orders", "reconciled"), [(300, False), (60, True)], ids=["alone", "reconciled"]
)
async def test_a_day_of_orders_and_fills_is_delivered_to_the_won(
    orders, reconciled, autojump_clock, nursery
):
    async with FakeKIS() as kis:
        reconcile = Reconciliation(enabled=reconciled)
        async with open_fill_stream(
            **kis.credentials, network=kis.network, reconcile=reconcile
        ) as fills:
            nursery.start_soon(trade, kis, orders)
            delivered: dict[str, tuple[Decimal, Decimal]] = defaultdict(
                lambda: (Decimal(), Decimal())
            )
            for _ in range(orders * FILLS_OF_AN_ORDER):
                fill = await fills.receive()
                order_id = fill.report.order_ref.order_id
                quantity, amount = delivered[order_id]
                delivered[order_id] = (
                    quantity + fill.report.quantity,
                    amount + fill.report.quantity * fill.report.price,
                )
            assert len(kis.connects) == 1
            assert len(kis.pongs) > 1000
        assert len(delivered) == orders
        assert delivered == kis.totals()
