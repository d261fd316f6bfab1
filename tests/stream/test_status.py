"""What a stream tells of itself: its state and its statistics."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from kxt_trio.errors import KXTConnectionError
from kxt_trio.status import Gap, SessionStatus, StreamState

from .feeding import AT, FAILURE, Side, fill

# -- live --------------------------------------------------------------------------


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


# -- statistics --------------------------------------------------------------------


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
