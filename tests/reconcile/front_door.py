"""The front door with reconciliation, and short words for what comes through it."""

from __future__ import annotations

from collections import defaultdict
from contextlib import asynccontextmanager
from decimal import Decimal

import trio

from kxt_trio import FillOrigin, KISClient, Reconciliation, StreamState, open_fill_stream
from kxt_trio.testing import FakeKIS

D = Reconciliation().stream_lag
AUDIT = Reconciliation().audit_interval
LIVE, RECOVERED = FillOrigin.LIVE, FillOrigin.RECOVERED


@asynccontextmanager
async def verified(kis: FakeKIS, **changes):
    """A fill stream of which everything before is accounted for."""
    given = {**kis.credentials, "network": kis.network, **changes}
    async with open_fill_stream(**given) as fills:
        await fills.wait_verified()
        yield fills


def client_of(kis: FakeKIS, **changes) -> KISClient:
    return KISClient(**{**kis.credentials, "network": kis.network, **changes})


def order_of(kis: FakeKIS, quantity: int = 10, **changes) -> str:
    return kis.place("005930", quantity=quantity, price=100, **changes)


async def coming(stream, seconds: float) -> list:
    """What a stream gives in this time."""
    await trio.sleep(seconds)
    seen = []
    while True:
        try:
            seen.append(stream.receive_nowait())
        except trio.WouldBlock:
            return seen


def brief(fills) -> list[tuple[FillOrigin, int, int]]:
    return [(fill.origin, int(fill.report.quantity), int(fill.amount)) for fill in fills]


def totals_of(fills) -> dict[str, tuple[Decimal, Decimal]]:
    totals = defaultdict(lambda: (Decimal(), Decimal()))
    for fill in fills:
        quantity, amount = totals[fill.report.order_ref.order_id]
        totals[fill.report.order_ref.order_id] = (
            quantity + fill.report.quantity,
            amount + fill.amount,
        )
    return totals


async def drop_and_wait(kis: FakeKIS, fills) -> None:
    """Cut the link and wait until it is noticed."""
    kis.drop()
    await trio.sleep(0.1)
    assert fills.state is StreamState.RECONNECTING
