"""Leaving by the front door."""

from __future__ import annotations

import asyncio

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import KXTUnsupportedError, StreamPolicy, StreamState, open_fill_stream
from kxt_trio.testing import FakeKIS

from .front_door import client_of, opened


async def test_leaving_unsubscribes_and_closes(autojump_clock):
    async with FakeKIS() as kis:
        async with opened(kis) as fills:
            pass
        await wait_all_tasks_blocked()
        assert [request["header"]["tr_type"] for request in kis.requests] == ["1", "2"]
        assert kis.closes == [1000]
        assert trio.current_time() == pytest.approx(0, abs=0.1)
        with pytest.raises(trio.ClosedResourceError):
            await fills.receive()
        with pytest.raises(trio.ClosedResourceError):
            fills.receive_nowait()
        assert fills.state is StreamState.CLOSED
        await fills.aclose()


async def test_an_outer_cancel_says_goodbye_too(autojump_clock):
    async with FakeKIS() as kis:
        with trio.move_on_after(5):
            async with opened(kis):
                await trio.sleep_forever()
        await wait_all_tasks_blocked()
        assert [request["header"]["tr_type"] for request in kis.requests] == ["1", "2"]
        assert kis.closes == [1000]


@pytest.mark.parametrize("fault", ["ignore_goodbye", "silence", "close_without_fin", "drop"])
@pytest.mark.parametrize("grace", [0, 2])
async def test_leaving_is_over_within_the_grace_however_the_peer_behaves(
    fault, grace, autojump_clock
):
    async with FakeKIS() as kis:
        async with opened(kis, policy=StreamPolicy(shutdown_grace=grace)):
            getattr(kis, fault)()
            left = trio.current_time()
        assert trio.current_time() - left <= grace


async def test_streams_of_a_client_that_was_left_end(autojump_clock):
    async with FakeKIS() as kis:
        async with client_of(kis) as client:
            stream = client.stream_fill_updates()
            await stream.wait_live()
            kis.fill(kis.place("005930", quantity=1, price=100))
            await wait_all_tasks_blocked()
        assert [fill.report.quantity async for fill in stream] == [1]
        assert stream.state is StreamState.CLOSED
        with pytest.raises(trio.EndOfChannel):
            await stream.wait_live()


async def test_wait_live_on_a_closed_stream_says_so(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        kis.hang_connections(times=100)
        stream = client.stream_fill_updates()
        async with trio.open_nursery() as nursery:

            async def close_later():
                await trio.sleep(1)
                await stream.aclose()

            nursery.start_soon(close_later)
            with pytest.raises(trio.ClosedResourceError):
                await stream.wait_live()


async def test_a_client_is_entered_once_and_streams_are_made_inside(autojump_clock):
    async with FakeKIS() as kis:
        client = client_of(kis)
        with pytest.raises(KXTUnsupportedError, match="inside"):
            client.stream_fill_updates()
        async with client:
            pass
        with pytest.raises(KXTUnsupportedError, match="inside"):
            client.stream_order_events()
        with pytest.raises(KXTUnsupportedError, match="once"):
            await client.__aenter__()


def test_under_asyncio_the_error_says_where_to_run():
    async def main() -> None:
        async with open_fill_stream(app_key="k", app_secret="s", hts_id="h"):
            pytest.fail("entered")

    with pytest.raises(KXTUnsupportedError, match="backend='trio'"):
        asyncio.run(main())
