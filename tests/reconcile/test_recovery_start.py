"""Where the count begins, and how it goes on while REST is not there."""

from __future__ import annotations

import trio

from kxt_trio import Reconciliation, StreamState
from kxt_trio.testing import FakeKIS

from .front_door import (
    AUDIT,
    LIVE,
    RECOVERED,
    D,
    brief,
    client_of,
    coming,
    drop_and_wait,
    order_of,
    totals_of,
    verified,
)

# -- the beginning -----------------------------------------------------------------


async def test_what_was_filled_before_the_first_start_is_not_delivered(autojump_clock):
    async with FakeKIS() as kis:
        order_id = order_of(kis)
        kis.fill(order_id, quantity=3)
        await trio.sleep(60)
        async with verified(kis) as fills:
            kis.fill(order_id, quantity=2)
            (live,) = await coming(fills, 200)
            assert brief([live]) == [(LIVE, 2, 200)]
            assert live.cumulative_quantity == 5


async def test_unless_it_is_asked_for(autojump_clock):
    async with FakeKIS() as kis:
        first, second = order_of(kis), order_of(kis)
        kis.fill(first, quantity=3)
        kis.fill(first, quantity=1, price=110)
        kis.fill(second)
        await trio.sleep(60)
        async with verified(kis, reconcile=Reconciliation(replay="today")) as fills:
            seen = await coming(fills, 60)
            assert brief(seen) == [(RECOVERED, 4, 410), (RECOVERED, 10, 1000)]
            kis.fill(first)
            seen += await coming(fills, 200)
            assert totals_of(seen) == kis.totals()


async def test_a_fill_between_the_baseline_and_the_subscription_is_recovered(autojump_clock):
    async with FakeKIS(reply_lag=2) as kis, trio.open_nursery() as nursery:
        order_id = order_of(kis)
        kis.fill(order_id, quantity=3)
        await trio.sleep(60)

        @nursery.start_soon
        async def trade() -> None:
            while not kis.requests:
                await trio.sleep(0.01)
            assert not kis.is_subscribed
            kis.fill(order_id, quantity=2)

        async with verified(kis) as fills:
            assert brief(await coming(fills, 60)) == [(RECOVERED, 2, 200)]


async def test_the_state_tells_how_much_is_known(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        fills = client.stream_fill_updates()
        assert fills.state is StreamState.CONNECTING
        await fills.wait_live()
        assert fills.state is StreamState.RECONCILING
        subscribed_at = trio.current_time()
        await fills.wait_verified()
        assert fills.state is StreamState.LIVE
        assert D <= trio.current_time() - subscribed_at <= 20
        await drop_and_wait(kis, fills)
        await fills.wait_live()
        assert fills.state is StreamState.RECONCILING
        await fills.wait_verified()
        assert fills.state is StreamState.LIVE


# -- REST is not there -------------------------------------------------------------


async def test_an_outage_of_rest_delays_no_live_fill_and_heals(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        kis.rest_down()
        order_id = order_of(kis, quantity=20)
        for _ in range(10):
            sent_at = trio.current_time()
            kis.fill(order_id, quantity=1)
            await fills.receive()
            assert trio.current_time() - sent_at < 0.01
            await trio.sleep(60)
        kis.fill(order_id, quantity=3, notify=False)
        await trio.sleep(300)
        assert fills.state is StreamState.LIVE
        assert fills.statistics().unverified_orders == 1
        kis.rest_up()
        assert brief(await coming(fills, 120)) == [(RECOVERED, 3, 300)]
        assert fills.statistics().unverified_orders == 0


async def test_a_start_during_an_outage_is_live_soon_and_verified_later(autojump_clock):
    async with FakeKIS() as kis:
        order_id = order_of(kis)
        kis.fill(order_id, quantity=3)
        await trio.sleep(60)
        async with client_of(kis) as client:
            kis.rest_latency = 1000
            kis._broker.keys.issue_approval_key(kis.now)
            stream = client.stream_fill_updates()
            await trio.sleep(0.1)
            kis.rest_latency = 0
            await stream.wait_live()
            kis.rest_down()
            kis.fill(order_id, quantity=2)
            assert brief([await stream.receive()]) == [(LIVE, 2, 200)]
            await trio.sleep(100)
            assert stream.state is StreamState.RECONCILING
            kis.rest_up()
            with trio.fail_after(120):
                await stream.wait_verified()
            assert await coming(stream, 200) == []


async def test_a_refused_token_is_renewed_once(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        order_id = order_of(kis)
        await trio.sleep(120)

        def tokens() -> int:
            paths = [call.request.path for call in kis.rest_calls]
            return paths.count("/oauth2/tokenP")

        assert tokens() == 1
        kis.expire_tokens()
        kis.fill(order_id, quantity=4, notify=False)
        with trio.fail_after(AUDIT + D + 1):
            await fills.receive()
        await trio.sleep(120)
        assert tokens() == 2
