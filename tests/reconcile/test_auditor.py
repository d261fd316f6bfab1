"""The auditor's clock: it comes back when the ledger wants it to."""

from __future__ import annotations

import trio

from kxt_trio import open_fill_stream
from kxt_trio.testing import FakeKIS


async def test_the_clock_is_set_to_what_a_live_fill_brings_nearer(autojump_clock):
    """An order in doubt that trades is looked at as soon as it can rest."""
    async with FakeKIS() as kis:
        kis.rest_latency = 2
        async with open_fill_stream(**kis.credentials, network=kis.network) as fills:
            order_id = kis.place("005930", quantity=100, price=100)
            auditor = fills._status.audit
            for _ in range(12):
                await trio.sleep(1.3)
                kis.fill(order_id, quantity=3)
                await fills.receive()
                assert auditor._deadline.value <= auditor._ledger.deadline
