"""The consumer's end of a stream."""

from __future__ import annotations

import gc
import threading
import traceback
import weakref
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import assert_checkpoints, assert_no_checkpoints, wait_all_tasks_blocked

from kxt_trio.errors import KXTConnectionError, KXTSlowConsumerError
from kxt_trio.models import (
    KST,
    AccountSummary,
    ExecutionReport,
    FillEvent,
    FillNotificationEvent,
    InstrumentRef,
    OrderAcceptedEvent,
    ProviderOrderRef,
)
from kxt_trio.status import Gap, SessionStatus, StreamState
from kxt_trio.stream import (
    FillOutlet,
    FillStream,
    OrderEventStream,
    OrderOutlet,
    Outlet,
    note_failure,
)

AT = datetime(2026, 11, 20, 9, 30, tzinfo=KST)
MINE = AccountSummary("12345678", "01")
FAILURE = "the link was lost"


def order(number: int, account: AccountSummary | None = MINE) -> ProviderOrderRef:
    owner = None if account is None else account.account_id
    return ProviderOrderRef("kis", f"{number:010}", account_id=owner)


def fill(number: int = 1, account: AccountSummary | None = MINE) -> FillEvent:
    report = ExecutionReport(None, order(number, account), AT, Decimal(100), Decimal(1))
    return FillEvent(report, InstrumentRef("005930"), account=account)


def accepted(number: int = 1, account: AccountSummary | None = MINE) -> OrderAcceptedEvent:
    return OrderAcceptedEvent(
        order(number, account), InstrumentRef("005930"), AT, Decimal(1), account=account
    )


class Side:
    """Stands in for the session: feeds outlets and hears of those that leave."""

    def __init__(self) -> None:
        self.status = SessionStatus()
        self.left: list[Outlet[Any]] = []

    def detach(self, outlet: Outlet[Any]) -> None:
        self.left.append(outlet)
        self.status.state.nudge()

    def fills(
        self, *, account: AccountSummary | None = None, size: int = 10
    ) -> tuple[FillOutlet, FillStream]:
        outlet = FillOutlet(account, size)
        return outlet, FillStream(outlet, self.status, self.detach)


@pytest.fixture
async def side() -> Side:  # noqa: ASYNC124  # outlets are made inside a run
    return Side()


@pytest.fixture
async def opened(side: Side) -> AsyncIterator[tuple[FillOutlet, FillStream]]:
    outlet, stream = side.fills(size=3)
    yield outlet, stream
    await stream.aclose()


# -- what is delivered ------------------------------------------------------------------


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


# -- failures ---------------------------------------------------------------------------


async def test_a_full_buffer_ends_the_stream_after_its_events_and_says_so(opened):
    outlet, stream = opened
    for number in range(1, 6):
        outlet.offer(fill(number))
    assert stream.state is StreamState.FAILED
    assert [await stream.receive() for _ in range(3)] == [fill(1), fill(2), fill(3)]
    with pytest.raises(KXTSlowConsumerError, match=r"3 events.*buffer_size"):
        await stream.receive()
    assert stream.statistics().received == 3


async def test_a_buffer_that_is_emptied_in_time_never_overflows(opened):
    outlet, stream = opened
    for number in range(20):
        outlet.offer(fill(number))
        outlet.offer(fill(number))
        assert await stream.receive() == await stream.receive() == fill(number)
    assert stream.statistics().delivered == 40


@pytest.mark.parametrize("how", ["receive", "receive_nowait", "iteration"])
async def test_a_failure_is_told_after_the_events_and_again_each_time(opened, how: str):
    outlet, stream = opened
    failure, cause = KXTConnectionError(FAILURE), OSError("reset")
    failure.__cause__ = cause
    outlet.offer(fill())
    outlet.fail(failure)

    async def take() -> FillEvent:
        match how:
            case "receive":
                return await stream.receive()
            case "receive_nowait":
                return stream.receive_nowait()
            case _:
                return await stream.__anext__()

    assert await take() == fill()
    lengths = set()
    for _ in range(10):
        with pytest.raises(KXTConnectionError, match=FAILURE) as caught:
            await take()
        assert caught.value is failure
        lengths.add(len(traceback.extract_tb(failure.__traceback__)))
    assert len(lengths) == 1
    assert failure.__cause__ is cause
    assert len("".join(traceback.format_exception(failure))) < 5000


async def test_a_waiting_receive_hears_of_the_failure(opened, nursery: trio.Nursery):
    outlet, stream = opened
    told = []

    async def take() -> None:
        with pytest.raises(KXTConnectionError, match=FAILURE):
            await stream.receive()
        told.append(True)

    nursery.start_soon(take)
    nursery.start_soon(take)
    await wait_all_tasks_blocked()
    outlet.fail(KXTConnectionError(FAILURE))
    await wait_all_tasks_blocked()
    assert told == [True, True]


async def test_the_first_failure_is_the_one_that_is_told(opened):
    outlet, stream = opened
    outlet.fail(KXTConnectionError(FAILURE))
    outlet.fail(KXTConnectionError("another"))
    with pytest.raises(KXTConnectionError, match=FAILURE):
        await stream.receive()


async def test_what_comes_after_the_end_is_not_delivered(opened):  # noqa: ASYNC124
    outlet, stream = opened
    outlet.fail(KXTConnectionError(FAILURE))
    outlet.offer(fill())
    with pytest.raises(KXTConnectionError):
        stream.receive_nowait()
    assert stream.statistics().received == 0


# -- the end ----------------------------------------------------------------------------


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


# -- dropped ----------------------------------------------------------------------------


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


# -- live -------------------------------------------------------------------------------


async def test_wait_live_returns_when_the_subscription_is_there(
    side: Side, opened, nursery: trio.Nursery
):
    _, stream = opened
    live = []

    async def wait() -> None:
        await stream.wait_live()
        live.append(stream.state)

    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    side.status.state.set(StreamState.RECONNECTING)
    await wait_all_tasks_blocked()
    assert live == []
    side.status.state.set(StreamState.LIVE)
    await wait_all_tasks_blocked()
    assert live == [StreamState.LIVE]
    with assert_checkpoints():
        await stream.wait_live()


@pytest.mark.parametrize(
    ("error", "expected"),
    [(KXTConnectionError(FAILURE), KXTConnectionError), (None, trio.EndOfChannel)],
)
async def test_wait_live_raises_when_the_stream_ends_first(
    side: Side, opened, nursery: trio.Nursery, error, expected
):
    outlet, stream = opened
    raised = []

    async def wait() -> None:
        with pytest.raises(expected):
            await stream.wait_live()
        raised.append(expected)

    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    if error is None:
        outlet.finish()
    else:
        outlet.fail(error)
    side.status.state.nudge()
    await wait_all_tasks_blocked()
    assert raised == [expected]


async def test_a_stream_is_in_the_state_of_its_session_until_it_ends(side: Side, opened):
    outlet, stream = opened
    for state in (StreamState.CONNECTING, StreamState.LIVE, StreamState.RECONNECTING):
        side.status.state.set(state)
        assert stream.state is stream.statistics().state is state
    outlet.fail(KXTConnectionError(FAILURE))
    assert stream.state is StreamState.FAILED
    await stream.aclose()
    assert stream.state is StreamState.CLOSED


# -- the block --------------------------------------------------------------------------


async def test_a_failure_nobody_received_is_raised_at_the_end_of_the_block(side: Side):
    outlet, stream = side.fills()
    failure = KXTConnectionError(FAILURE)
    with pytest.raises(KXTConnectionError) as caught:
        async with stream:
            outlet.fail(failure)
    assert caught.value is failure
    assert side.left == [outlet]


@pytest.mark.parametrize("how", ["receive", "wait_live"])
async def test_a_failure_that_was_received_is_not_raised_again(side: Side, how: str):
    outlet, stream = side.fills()
    async with stream:
        outlet.fail(KXTConnectionError(FAILURE))
        with pytest.raises(KXTConnectionError):
            await getattr(stream, how)()
    assert stream.state is StreamState.CLOSED


async def test_a_failure_beside_the_blocks_own_error_is_noted_on_it(side: Side):
    outlet, stream = side.fills()
    error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError) as caught:
        async with stream:
            outlet.fail(KXTConnectionError(FAILURE))
            raise error
    assert caught.value is error
    assert error.__notes__ == [f"the stream had failed, too: KXTConnectionError: {FAILURE}"]
    assert outlet.told  # or the client would note it once more


async def test_a_failure_that_was_received_is_not_noted(side: Side):
    outlet, stream = side.fills()
    with pytest.raises(KXTConnectionError) as caught:
        async with stream:
            outlet.fail(KXTConnectionError(FAILURE))
            await stream.receive()
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), None])
async def test_ctrl_c_and_cancellation_get_no_notes(side: Side, error: BaseException | None):
    outlet, stream = side.fills()
    with trio.CancelScope() as scope:
        with pytest.raises(type(error) if error else trio.Cancelled) as caught:
            async with stream:
                outlet.fail(KXTConnectionError(FAILURE))
                if error is not None:
                    raise error
                scope.cancel()
                await trio.sleep_forever()
        assert error is None or caught.value is error
        assert not hasattr(caught.value, "__notes__")
        if error is None:
            raise caught.value
    assert side.left == [outlet]


async def test_an_error_of_the_block_is_not_replaced_by_a_cancel(side: Side):
    _, stream = side.fills()
    with trio.CancelScope() as scope:
        with pytest.raises(ZeroDivisionError):
            async with stream:
                scope.cancel()
                raise ZeroDivisionError


async def test_leaving_the_block_is_a_checkpoint(side: Side):
    _, stream = side.fills()
    with assert_checkpoints():
        async with stream:
            pass


def test_without_an_error_there_is_nothing_to_note():
    note_failure(None, KXTConnectionError(FAILURE))


# -- statistics -------------------------------------------------------------------------


async def test_statistics_count_what_came_and_went(opened):
    outlet, stream = opened
    for number in (1, 2, 3):
        outlet.offer(fill(number))
    await stream.receive()
    figures = stream.statistics()
    assert (figures.received, figures.delivered, figures.buffered) == (3, 1, 2)
    await stream.aclose()
    assert stream.statistics().received == 3


async def test_statistics_tell_only_what_happened_since_the_stream_was_made(side: Side):
    status = side.status
    status.open_gap(AT)
    status.close_gap(AT.replace(minute=31))
    status.unreadable = 4
    status.last_unreadable = "aaaa^9999"
    _, stream = side.fills()
    async with stream:
        figures = stream.statistics()
        assert (figures.reconnects, figures.gaps, figures.unreadable) == (0, (), 0)
        status.open_gap(AT.replace(minute=40))
        status.unreadable += 1
        figures = stream.statistics()
        assert figures.gaps == (Gap(AT.replace(minute=40), None),)
        assert (figures.reconnects, figures.unreadable) == (0, 1)
        assert status.close_gap(AT.replace(minute=41)) == stream.statistics().gaps[0]
        assert stream.statistics().reconnects == 1
        assert stream.statistics().last_unreadable == "aaaa^9999"
        assert figures.gaps[0].end is None  # what was told stays as it was told


def test_a_gap_that_was_given_up_is_not_ended_by_a_later_subscription():
    status = SessionStatus()
    assert status.close_gap(AT) is None
    status.open_gap(AT)
    status.forget_gap()
    assert status.close_gap(AT.replace(minute=31)) is None
    assert status.gaps == [Gap(AT)]
    assert status.reconnects == 0


async def test_the_age_of_the_last_frame_is_by_the_runs_clock(
    side: Side, opened, autojump_clock
):
    @attrs.define
    class Heard:
        last_received_at: float

    _, stream = opened
    assert stream.statistics().last_frame_age is None
    side.status.link = Heard(trio.current_time())  # type: ignore[assignment]
    await trio.sleep(7)
    assert stream.statistics().last_frame_age == 7
