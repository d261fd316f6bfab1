"""The main job of the front door: notices become events."""

from __future__ import annotations

import gc
from datetime import datetime
from decimal import Decimal

import pytest
import trio

from kxt_trio import (
    KST,
    Environment,
    ExecutionReport,
    FillEvent,
    FillNotificationEvent,
    InstrumentRef,
    OrderAcceptedEvent,
    ProviderOrderRef,
    open_order_event_stream,
)
from kxt_trio.testing import FakeKIS, Layout

from .front_door import client_of, opened


async def test_a_fill_arrives_as_the_documented_event(autojump_clock):
    start = datetime(2026, 11, 20, 9, 30, 5, tzinfo=KST)
    async with FakeKIS(start=start) as kis, opened(kis) as fills:
        order_id = kis.place("005930", quantity=10, price=69950, side="buy")
        kis.fill(order_id)
        fill = await fills.receive()
        assert fill == FillEvent(
            report=ExecutionReport(
                execution_id=None,
                order_ref=ProviderOrderRef(
                    provider="kis", order_id=order_id, account_id="12345678"
                ),
                occurred_at=start,
                price=Decimal("69950"),
                quantity=Decimal("10"),
            ),
            instrument=InstrumentRef(symbol="005930"),
        )


async def test_an_order_placed_at_the_first_line_of_the_block_fills_seen(autojump_clock):
    async with FakeKIS() as kis:
        kis.notice_lag = 0
        async with opened(kis) as fills:
            kis.fill(kis.place("005930", quantity=1, price=100))
            assert (await fills.receive()).report.quantity == 1


@pytest.mark.parametrize("environment", list(Environment))
@pytest.mark.parametrize("layout", list(Layout))
async def test_every_environment_and_layout_gives_the_same_event(
    environment, layout, autojump_clock
):
    async with FakeKIS(environment=environment, layout=layout) as kis:
        assert kis.credentials.environment is environment
        async with opened(kis) as fills:
            kis.fill(kis.place("005930", quantity=10, price=70000), quantity=4, price=69940)
            fill = await fills.receive()
    assert (fill.report.price, fill.report.quantity) == (69940, 4)
    assert (fill.order_quantity, fill.order_price) == (10, 70000)
    expected = "H0STCNI0" if environment is Environment.REAL else "H0STCNI9"
    assert kis.requests[0]["body"]["input"]["tr_id"] == expected


async def test_partial_fills_are_separate_events_and_twins_stay_two(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        order_id = kis.place("005930", quantity=10, price=100)
        kis.fill(order_id, quantity=3)
        kis.fill(order_id, quantity=3)
        first, second = await fills.receive(), await fills.receive()
        assert first == second
        assert first is not second


async def test_lifecycle_notices_reach_the_order_stream_and_never_a_fill_stream(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        fills, events = client.stream_fill_updates(), client.stream_order_events()
        await fills.wait_live()
        order_id = kis.place("005930", quantity=10, price=100)
        kis.fill(order_id, quantity=1)
        amended = kis.amend(order_id, price=101)
        kis.cancel(amended)
        kis.fill(kis.place("000660", quantity=2, price=5))
        seen = []
        while len([event for event in seen if isinstance(event, FillNotificationEvent)]) < 2:
            seen.append(await events.receive())
        assert isinstance(seen[0], OrderAcceptedEvent)
        assert {type(event).__name__ for event in seen} >= {
            "OrderAcceptedEvent",
            "FillNotificationEvent",
            "OrderAmendAckEvent",
            "OrderCancelAckEvent",
        }
        assert [await fills.receive(), await fills.receive()] == [
            event.fill for event in seen if isinstance(event, FillNotificationEvent)
        ]
        with pytest.raises(trio.WouldBlock):
            fills.receive_nowait()


async def test_plain_iteration_works_inside_the_client(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client, trio.open_nursery() as nursery:

        async def trade():
            await kis.wait_subscribed()
            for quantity in (1, 2, 3):
                kis.fill(kis.place("005930", quantity=quantity, price=100))

        nursery.start_soon(trade)
        seen = []
        async for fill in client.stream_fill_updates():
            seen.append(fill.report.quantity)
            if len(seen) == 3:
                break
        assert seen == [1, 2, 3]


async def test_a_stream_left_by_break_and_dropped_is_not_fed_and_unsubscribes(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        stream = client.stream_fill_updates()
        await stream.wait_live()
        del stream
        gc.collect()
        await trio.sleep(3)
        assert not kis.is_subscribed
        # and the client can be used again, on the same websocket
        async with client.stream_fill_updates() as fills:
            await fills.wait_live()
            kis.fill(kis.place("005930", quantity=1, price=100))
            await fills.receive()
        assert len(kis.connects) == 1


async def test_all_streams_of_a_client_share_one_websocket_and_the_last_one_out_unsubscribes(
    autojump_clock,
):
    async with FakeKIS() as kis, client_of(kis) as client:
        first, second = client.stream_fill_updates(), client.stream_order_events()
        await first.wait_live()
        await second.wait_live()
        assert len(kis.connects) == 1
        assert [request["header"]["tr_type"] for request in kis.requests] == ["1"]
        await first.aclose()
        await trio.sleep(1)
        assert kis.is_subscribed
        await second.aclose()
        await trio.sleep(3)
        assert not kis.is_subscribed
        assert [request["header"]["tr_type"] for request in kis.requests] == ["1", "2"]


async def test_the_order_event_opener_delivers_order_events(autojump_clock):
    async with (
        FakeKIS() as kis,
        open_order_event_stream(**kis.credentials, network=kis.network) as events,
    ):
        kis.place("005930", quantity=1, price=100)
        assert isinstance(await events.receive(), OrderAcceptedEvent)
