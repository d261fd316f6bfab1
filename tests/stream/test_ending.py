"""Streams that finish, are closed, or are dropped."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio.errors import KXTConnectionError
from kxt_trio.status import SessionStatus, StreamState
from kxt_trio.stream import FillOutlet, FillStream, Outlet

from .feeding import FAILURE, Side, fill

# -- the end -----------------------------------------------------------------------


async def test_a_finished_stream_gives_what_is_buffered_and_then_ends(opened):
    outlet, stream = opened
    outlet.offer(fill())
    outlet.finish()
    assert stream.state is StreamState.CLOSED
    assert await stream.receive() == fill()
    for _ in range(2):
        with pytest.raises(trio.EndOfChannel):
            await stream.receive()
        with pytest.raises(trio.EndOfChannel):
            stream.receive_nowait()


@pytest.mark.parametrize("ended_before", [False, True])
async def test_a_closed_stream_says_that_it_is_closed(opened, ended_before: bool):
    outlet, stream = opened
    outlet.offer(fill())
    if ended_before:
        outlet.fail(KXTConnectionError(FAILURE))
    await stream.aclose()
    for _ in range(2):
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive()
        with pytest.raises(trio.ClosedResourceError):
            stream.receive_nowait()
        with pytest.raises(trio.ClosedResourceError):
            await stream.wait_live()
    assert stream.state is StreamState.CLOSED


async def test_closing_detaches_once_and_takes_nothing_more(side: Side):
    outlet, stream = side.fills()
    await stream.aclose()
    await stream.aclose()
    assert side.left == [outlet]
    outlet.offer(fill())
    assert stream.statistics().received == 0


async def test_closing_closes_even_when_cancelled(side: Side):
    outlet, stream = side.fills()
    with trio.CancelScope() as scope:
        scope.cancel()
        await stream.aclose()
    assert scope.cancelled_caught
    assert side.left == [outlet]
    assert stream.state is StreamState.CLOSED


async def test_a_receive_in_another_task_is_told_that_the_stream_was_closed(
    opened, nursery: trio.Nursery
):
    _, stream = opened
    told = []

    async def take() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive()
        told.append("receive")

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.wait_live()
        told.append("wait_live")

    nursery.start_soon(take)
    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    await stream.aclose()
    await wait_all_tasks_blocked()
    assert set(told) == {"receive", "wait_live"}


# -- dropped -----------------------------------------------------------------------


async def test_a_stream_left_by_break_and_dropped_is_detached_and_holds_nothing(side: Side):
    outlet, stream = side.fills()
    outlet.offer(fill(1))
    outlet.offer(fill(2))
    async for _ in stream:
        break
    event = outlet.buffer.receive_nowait()
    gone, kept = weakref.ref(stream), weakref.ref(outlet)
    del stream, event
    gc.collect()
    assert gone() is None
    outlet.offer(fill(3))
    assert outlet.received == 2
    await wait_all_tasks_blocked()
    assert side.left == [outlet]
    side.left.clear()
    del outlet
    gc.collect()
    assert kept() is None


async def test_a_stream_may_be_collected_in_any_thread():
    detached = []

    def detach(left: Outlet[Any]) -> None:
        detached.append((left, threading.get_ident()))

    outlet = FillOutlet(None, 10)
    holder = [FillStream(outlet, SessionStatus(), detach)]
    await trio.to_thread.run_sync(holder.clear)
    await wait_all_tasks_blocked()
    assert detached == [(outlet, threading.get_ident())]


def test_a_stream_that_outlives_its_run_is_dropped_in_silence():
    async def main() -> FillStream:
        await trio.lowlevel.checkpoint()
        return Side().fills()[1]

    stream = trio.run(main)
    gone = weakref.ref(stream)
    del stream
    gc.collect()
    assert gone() is None
