"""Failures that come through the front door's streams."""

from __future__ import annotations

import traceback

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import KXTSlowConsumerError, KXTSubscriptionError, StreamPolicy, StreamState
from kxt_trio.testing import FakeKIS

from .front_door import client_of, opened


async def test_a_fatal_failure_comes_after_every_event_received_before(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        for quantity in (1, 2):
            kis.fill(kis.place("005930", quantity=quantity, price=100))
        await wait_all_tasks_blocked()
        kis.refuse("OPSP0017", times=10)
        kis.drop()
        await trio.sleep(30)
        assert fills.state is StreamState.FAILED
        assert [(await fills.receive()).report.quantity for _ in range(2)] == [1, 2]
        with pytest.raises(KXTSubscriptionError) as first:
            await fills.receive()
        depth = len(traceback.extract_tb(first.value.__traceback__))
        with pytest.raises(KXTSubscriptionError) as second:
            await fills.receive()
        assert second.value is first.value
        assert len(traceback.extract_tb(second.value.__traceback__)) == depth


async def test_a_failure_nobody_received_is_raised_when_the_block_ends(autojump_clock):
    async with FakeKIS() as kis:
        with pytest.raises(KXTSubscriptionError, match="OPSP0017"):
            async with opened(kis):
                kis.refuse("OPSP0017", times=10)
                kis.drop()
                await trio.sleep(30)


async def test_a_failure_nobody_received_ends_a_plain_client_too(autojump_clock):
    async with FakeKIS() as kis:
        with pytest.raises(KXTSubscriptionError, match="OPSP0017") as caught:
            async with client_of(kis) as client:
                streams = [client.stream_fill_updates(), client.stream_order_events()]
                kis.refuse("OPSP0017", times=10)
                await trio.sleep(30)
                assert {stream.state for stream in streams} == {StreamState.FAILED}
        assert caught.value.__notes__


async def test_the_blocks_own_exception_wins_and_carries_a_note(autojump_clock):
    mine = RuntimeError("mine")
    async with FakeKIS() as kis:
        with pytest.raises(RuntimeError) as caught:
            async with opened(kis):
                kis.refuse("OPSP0017", times=10)
                kis.drop()
                await trio.sleep(30)
                raise mine
        assert caught.value is mine
        assert "KXTSubscriptionError" in caught.value.__notes__[0]


async def test_after_a_failure_the_client_can_be_used_again(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        with pytest.raises(KXTSubscriptionError):
            await client.stream_fill_updates(hts_id="someone").wait_live()
        async with client.stream_fill_updates() as fills:
            await fills.wait_live()
            kis.fill(kis.place("005930", quantity=1, price=100))
            await fills.receive()


@pytest.mark.parametrize(
    "mine",
    [
        ValueError("mine"),
        ExceptionGroup("mine", [ValueError(1), KeyError(2)]),
        KeyboardInterrupt(),
        SystemExit(3),
    ],
    ids=repr,
)
async def test_what_the_block_raises_comes_out_as_the_same_object(mine, autojump_clock):
    cause, context = OSError("cause"), LookupError("context")
    async with FakeKIS() as kis:
        try:
            async with opened(kis):
                try:
                    raise context
                except LookupError:
                    raise mine from cause
        except BaseException as exc:
            caught = exc
    assert caught is mine
    assert mine.__cause__ is cause
    assert mine.__context__ is context


async def test_one_stalled_stream_fails_alone(autojump_clock):
    policy = StreamPolicy(buffer_size=10)
    async with FakeKIS() as kis, client_of(kis, policy=policy) as client:
        stalled, busy = client.stream_fill_updates(), client.stream_fill_updates()
        await busy.wait_live()
        order_id = kis.place("005930", quantity=1000, price=100)
        for _ in range(30):
            kis.fill(order_id, quantity=1)
            await busy.receive()
        assert stalled.state is StreamState.FAILED
        assert busy.state is StreamState.LIVE
        for _ in range(10):
            await stalled.receive()
        with pytest.raises(KXTSlowConsumerError, match="buffer_size"):
            await stalled.receive()
        await trio.sleep(300)
        assert len(kis.connects) == 1
