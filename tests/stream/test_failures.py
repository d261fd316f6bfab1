"""How the consumer hears of a failure: once, and never instead of an error of its own."""

from __future__ import annotations

import traceback

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from kxt_trio.errors import KXTConnectionError, KXTSlowConsumerError
from kxt_trio.models import FillEvent
from kxt_trio.status import StreamState
from kxt_trio.stream import note_failure

from .feeding import FAILURE, Side, fill

# -- failures ----------------------------------------------------------------------


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


# -- the block ---------------------------------------------------------------------


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
