"""What the consumer's end of a stream delivers, and in which order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import assert_checkpoints, assert_no_checkpoints, wait_all_tasks_blocked

from kxt_trio.models import (
    AccountSummary,
    FillEvent,
    FillNotificationEvent,
    InstrumentRef,
    OrderAcceptedEvent,
)
from kxt_trio.stream import FillStream, OrderEventStream, OrderOutlet

from .feeding import AT, MINE, Side, fill, order


def accepted(number: int = 1, account: AccountSummary | None = MINE) -> OrderAcceptedEvent:
    return OrderAcceptedEvent(
        order(number, account), InstrumentRef("005930"), AT, Decimal(1), account=account
    )


async def test_events_come_out_in_the_order_they_went_in(opened):
    outlet, stream = opened
    for number in (1, 2, 3):
        outlet.offer(fill(number))
    outlet.finish()
    assert [event async for event in stream] == [fill(1), fill(2), fill(3)]


async def test_two_fills_that_look_alike_are_two_fills(opened):
    outlet, stream = opened
    outlet.offer(fill())
    outlet.offer(fill())
    assert await stream.receive() == await stream.receive() == fill()


async def test_a_waiting_receive_gets_the_next_event(opened, nursery: trio.Nursery):
    outlet, stream = opened
    got = []

    async def take() -> None:
        got.append(await stream.receive())

    nursery.start_soon(take)
    await wait_all_tasks_blocked()
    outlet.offer(fill(7))
    await wait_all_tasks_blocked()
    assert got == [fill(7)]


async def test_a_fill_stream_has_no_lifecycle_events(opened):
    outlet, stream = opened
    outlet.offer(accepted())
    outlet.offer(fill())
    assert await stream.receive() == fill()
    assert stream.statistics().received == 1


async def test_an_order_stream_has_both_and_wraps_the_fills(side: Side):
    outlet = OrderOutlet(None, 10)
    async with OrderEventStream(outlet, side.status, side.detach) as stream:
        outlet.offer(accepted())
        outlet.offer(fill())
        assert await stream.receive() == accepted()
        assert await stream.receive() == FillNotificationEvent(fill())


@pytest.mark.parametrize("account", [None, AccountSummary("12345678"), MINE])
@given(owners=st.lists(st.sampled_from(["12345678-01", "12345678-22", "87654321-01", None])))
def test_only_the_events_of_the_account_pass_each_with_its_own(
    account: AccountSummary | None, owners: list[str | None]
):
    async def main() -> None:
        side = Side()
        _, fills = side.fills(account=account, size=200)
        events = OrderEventStream(OrderOutlet(account, 200), side.status, side.detach)
        async with fills, events:
            offered = [
                kind(number, owner and AccountSummary.parse(owner))
                for number, owner in enumerate(owners)
                for kind in (fill, accepted)
            ]
            for event in offered:
                fills._outlet.offer(event)
                events._outlet.offer(event)
            passing = [
                event
                for event in offered
                if account is None
                or (event.account is not None and account.covers(event.account))
            ]
            assert drained(events) == [
                FillNotificationEvent(event) if isinstance(event, FillEvent) else event
                for event in passing
            ]
            only_fills = [event for event in passing if isinstance(event, FillEvent)]
            got = drained(fills)
            assert got == only_fills
            assert [event.account for event in got] == [event.account for event in only_fills]

    trio.run(main)


def drained(stream: FillStream | OrderEventStream) -> list[Any]:
    events = []
    while True:
        try:
            events.append(stream.receive_nowait())
        except trio.WouldBlock:
            return events


async def test_receive_nowait_takes_what_is_there_and_never_waits(opened):  # noqa: ASYNC124
    outlet, stream = opened
    with assert_no_checkpoints():
        with pytest.raises(trio.WouldBlock):
            stream.receive_nowait()
        outlet.offer(fill())
        assert stream.receive_nowait() == fill()


async def test_while_events_wait_others_get_a_turn_now_and_then(side, nursery):
    outlet, stream = side.fills(size=400)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    nursery.start_soon(other)
    for number in range(1, 401):
        outlet.offer(fill(number))
    assert [await stream.receive() for _ in range(400)] == [fill(n) for n in range(1, 401)]
    assert 8 <= turns <= 14
    turns = 0
    with trio.move_on_after(0.01):  # and none waits: every receive is a turn
        await stream.receive()
    assert turns > 0
    await stream.aclose()
    nursery.cancel_scope.cancel()


async def test_aclose_is_a_checkpoint(opened):
    _, stream = opened
    with assert_checkpoints():
        await stream.aclose()
    with assert_checkpoints():
        await stream.aclose()


async def test_a_cancelled_receive_has_taken_nothing(opened):
    outlet, stream = opened
    outlet.offer(fill(1))
    with trio.CancelScope() as scope:
        scope.cancel()
        await stream.receive()
    assert scope.cancelled_caught
    with trio.CancelScope() as scope:
        scope.cancel()
        async for _ in stream:
            pytest.fail("cancelled")
    assert await stream.receive() == fill(1)
    assert stream.statistics().delivered == 1


async def test_an_event_that_races_a_cancel_is_received_or_kept(opened):
    outlet, stream = opened
    got = []

    async def take() -> None:
        got.append(await stream.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        outlet.offer(fill(1))
    assert got + drained(stream) == [fill(1)]


async def test_two_consumers_share_the_events(opened, nursery: trio.Nursery):
    outlet, stream = opened
    got = []

    async def take() -> None:
        got.append(await stream.receive())

    nursery.start_soon(take)
    nursery.start_soon(take)
    await wait_all_tasks_blocked()
    outlet.offer(fill(1))
    outlet.offer(fill(2))
    await wait_all_tasks_blocked()
    assert sorted(event.report.order_ref.order_id for event in got) == [
        "0000000001",
        "0000000002",
    ]
