from __future__ import annotations

import trio

from kxt_trio import open_fill_stream
from kxt_trio.testing import FakeKIS


async def test_the_fixture_is_a_running_broker(autojump_clock, fake_kis):
    assert isinstance(fake_kis, FakeKIS)
    async with open_fill_stream(**fake_kis.credentials, network=fake_kis.network) as fills:
        fake_kis.fill(fake_kis.place("005930", quantity=1, price=69950))
        assert (await fills.receive()).report.price == 69950
        await trio.sleep(3600)
        assert fake_kis.is_subscribed


async def test_it_works_on_the_real_clock(fake_kis):
    async with open_fill_stream(**fake_kis.credentials, network=fake_kis.network) as fills:
        fake_kis.fill(fake_kis.place("005930", quantity=1, price=69950))
        assert (await fills.receive()).report.quantity == 1
