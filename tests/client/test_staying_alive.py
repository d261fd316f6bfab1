"""The session behind the streams, staying alive."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import StreamPolicy, StreamState
from kxt_trio.testing import FakeKIS

from .front_door import client_of, one_fill, opened

# -- staying alive -----------------------------------------------------------------


async def test_pingpong_is_answered_by_a_pong_of_the_same_bytes_and_keeps_the_link(
    autojump_clock,
):
    async with FakeKIS() as kis, opened(kis) as fills:
        await trio.sleep(3600)
        assert fills.state is StreamState.LIVE
        assert len(kis.connects) == 1
        assert len(kis.pongs) >= 350
        assert all(b'"PINGPONG"' in pong for pong in kis.pongs)


async def test_a_handful_of_pingpongs_at_once_is_answered_one_by_one(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        pings = [
            f'{{"header":{{"tr_id":"PINGPONG","datetime":"20261120{n:06d}"}}}}'
            for n in range(16)
        ]
        for ping in pings:
            kis.send_text(ping)
        await trio.sleep(1)
        assert kis.pongs == [ping.encode() for ping in pings]
        assert fills.state is StreamState.LIVE
        assert len(kis.connects) == 1


async def test_silence_is_a_dead_link(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        silent_since = trio.current_time()
        kis.silence()
        await trio.sleep(59)
        assert fills.state is StreamState.LIVE
        await trio.sleep(1.5)
        assert fills.state is not StreamState.LIVE or len(kis.connects) == 2
        await fills.wait_live()
        assert trio.current_time() - silent_since == pytest.approx(61, abs=1.5)
        assert fills.statistics().gaps[0].start <= kis.network.now()


async def test_a_flood_against_a_stalled_consumer_still_answers_pingpong(autojump_clock):
    policy = StreamPolicy(buffer_size=100)
    async with (
        FakeKIS() as kis,
        client_of(kis, policy=policy) as client,
    ):
        stalled = client.stream_fill_updates()
        await stalled.wait_live()
        order_id = kis.place("005930", quantity=10_000, price=100)
        ping = '{"header":{"tr_id":"PINGPONG","datetime":"20261120090000"}}'
        for _ in range(1000):
            kis.fill(order_id, quantity=1)
        kis.send_text(ping)
        await trio.sleep(0.5)
        assert ping.encode() in kis.pongs
        assert stalled.state is StreamState.FAILED
        await stalled.aclose()  # and with it goes the failure that nobody wanted to see


async def test_a_wall_clock_that_jumps_changes_nothing(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        for seconds in (3600, -7200):
            kis.shift_clock(seconds)
            await trio.sleep(120)
            one_fill(kis)
            fill = await fills.receive()
            assert abs((fill.report.occurred_at - kis.now).total_seconds()) < 2
        assert len(kis.connects) == 1


# -- statistics --------------------------------------------------------------------


async def test_statistics_count_what_came_and_what_was_taken(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        order_id = kis.place("005930", quantity=5, price=100)
        for _ in range(5):
            kis.fill(order_id, quantity=1)
        await wait_all_tasks_blocked()
        await fills.receive()
        await trio.sleep(4)
        statistics = fills.statistics()
        assert (statistics.received, statistics.buffered, statistics.delivered) == (5, 4, 1)
        assert statistics.state is StreamState.LIVE
        assert statistics.last_frame_age == pytest.approx(4, abs=0.1)
