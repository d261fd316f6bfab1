"""How one websocket connection ends, from either side."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
from trio.testing import (
    MockClock,
    lockstep_stream_pair,
    memory_stream_pair,
    wait_all_tasks_blocked,
)

from kxt_trio.errors import KXTConnectionError, KXTError, KXTTimeoutError
from kxt_trio.transport.websocket import Link

from .peer import (
    CLOSE,
    LIMIT,
    PROMPTLY,
    TEXT,
    Peer,
    connect,
    connecting,
    ended,
    giving,
    receive,
)

# -- the peer ends it --------------------------------------------------------------


@pytest.mark.parametrize("fin", [True, False])
async def test_messages_before_a_close_come_first_then_its_code(
    nursery: trio.Nursery, autojump_clock: MockClock, fin: bool
):
    link, peer = await connect(nursery)
    for text in (b"one", b"two", b"three"):
        await peer.send(TEXT, text)
    await peer.close(1001)
    if fin:
        await peer.stream.send_eof()
    await wait_all_tasks_blocked()
    assert await receive(link, 3) == ["one", "two", "three"]
    assert "1001" in await ended(link)
    assert await peer.receive() == (CLOSE, (1001).to_bytes(2, "big"))
    assert trio.current_time() == 0


async def test_a_close_without_fin_does_not_hold_up_the_end(
    nursery: trio.Nursery, autojump_clock: MockClock
):
    link, peer = await connect(nursery)
    await peer.close(1000)
    await ended(link)
    await link.aclose()
    link.abort()
    await peer.gone()
    await wait_all_tasks_blocked()
    assert not nursery.child_tasks
    assert trio.current_time() == 0


async def test_messages_before_the_bare_end_come_first(nursery: trio.Nursery):
    link, peer = await connect(nursery)
    await peer.send(TEXT, b"one")
    await peer.send(TEXT, b"two")
    await peer.stream.aclose()
    await wait_all_tasks_blocked()
    assert await receive(link, 2) == ["one", "two"]
    assert "without a close frame" in await ended(link)
    await wait_all_tasks_blocked()
    assert not nursery.child_tasks


@pytest.mark.parametrize("pieces", [1, 3])
async def test_a_message_too_large_ends_the_link_after_the_messages_before_it(
    nursery: trio.Nursery, autojump_clock: MockClock, pieces: int
):
    link, peer = await connect(nursery)
    size = (LIMIT + pieces) // pieces
    sent = [peer.frame(TEXT, b"one"), peer.frame(TEXT, b"two")]
    sent += [
        peer.frame(TEXT if piece == 0 else 0, b"x" * size, last=piece == pieces - 1)
        for piece in range(pieces)
    ]
    await peer.stream.send_all(b"".join(sent))
    assert await receive(link, 2) == ["one", "two"]
    assert "1009" in await ended(link)
    opcode, payload = await peer.receive()
    assert (opcode, payload[:2]) == (CLOSE, (1009).to_bytes(2, "big"))
    link.abort()
    await peer.gone()
    await wait_all_tasks_blocked()
    assert not nursery.child_tasks
    assert trio.current_time() == 0


@pytest.mark.parametrize("data", [b"\x8b\x00", b"\xf1\x01x", b"\x81\x02\xff\xfe", b"\x00\x01x"])
async def test_garbage_on_an_open_link_ends_it_after_the_messages_before_it(
    nursery: trio.Nursery, autojump_clock: MockClock, data: bytes
):
    link, peer = await connect(nursery)
    await peer.stream.send_all(peer.frame(TEXT, b"one") + data)
    assert await receive(link) == ["one"]
    with trio.fail_after(PROMPTLY), pytest.raises(KXTError):
        await link.receive()
    link.abort()
    await peer.gone()
    await wait_all_tasks_blocked()
    assert not nursery.child_tasks


@pytest.mark.parametrize("error", [trio.BrokenResourceError, OSError])
async def test_a_stream_that_breaks_ends_the_link_and_nothing_else(
    nursery: trio.Nursery, error: type[Exception]
):
    class Breaking(trio.abc.ReceiveStream):
        def __init__(self, stream: trio.abc.ReceiveStream) -> None:
            self.stream = stream

        async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
            data = await self.stream.receive_some(max_bytes)
            if data:
                return data
            raise error

        async def aclose(self) -> None:
            await self.stream.aclose()

    ours, theirs = memory_stream_pair()
    nursery.start_soon(Peer(theirs).accept)
    stream = trio.StapledStream(ours.send_stream, Breaking(ours.receive_stream))
    link: Link = await nursery.start(connecting(giving(stream)))
    await theirs.aclose()
    with trio.fail_after(PROMPTLY), pytest.raises(KXTError):
        await link.receive()


# -- we end it ---------------------------------------------------------------------


async def test_an_abort_wakes_who_receives_and_who_sends_with_its_reason(
    nursery: trio.Nursery, autojump_clock: MockClock
):
    ours, theirs = lockstep_stream_pair()
    nursery.start_soon(Peer(theirs).accept)
    link: Link = await nursery.start(connecting(giving(ours)))
    reason, raised = KXTTimeoutError("the link was silent"), []

    async def wait_for(verb: Callable[[], Awaitable[object]]) -> None:
        with pytest.raises(KXTTimeoutError) as caught:
            await verb()
        raised.append(caught.value)

    nursery.start_soon(wait_for, link.receive)
    nursery.start_soon(wait_for, partial(link.send, "nobody reads this"))
    nursery.start_soon(wait_for, partial(link.pong, b"nor this"))
    await wait_all_tasks_blocked()
    assert raised == []
    link.abort(reason)
    link.abort(KXTConnectionError("too late"))
    await wait_all_tasks_blocked()
    assert len(raised) == 3
    assert all(error is reason for error in raised)
    assert not nursery.child_tasks
    with pytest.raises(KXTTimeoutError) as caught:
        await link.receive()
    assert caught.value is reason


async def test_an_abort_needs_no_reason_and_closes_the_stream(nursery: trio.Nursery):
    link, peer = await connect(nursery)
    link.abort()
    assert await ended(link)
    await peer.gone()
    await wait_all_tasks_blocked()
    assert not nursery.child_tasks


async def test_closing_sends_a_close_frame_and_waits_for_the_peers(
    nursery: trio.Nursery, autojump_clock: MockClock
):
    link, peer = await connect(nursery)

    async def answer() -> None:
        assert await peer.receive() == (CLOSE, (1000).to_bytes(2, "big"))
        await trio.sleep(1.5)
        await peer.close(1000)
        await peer.stream.aclose()

    nursery.start_soon(answer)
    await link.aclose()
    assert trio.current_time() == 1.5
    await link.aclose()
    await wait_all_tasks_blocked()
    assert not nursery.child_tasks


async def test_a_peer_that_never_answers_the_close_keeps_us_as_long_as_we_let_it(
    nursery: trio.Nursery, autojump_clock: MockClock
):
    link, peer = await connect(nursery)
    with trio.move_on_after(2) as patience:
        await link.aclose(1001)
    assert patience.cancelled_caught
    assert trio.current_time() == 2
    assert await peer.receive() == (CLOSE, (1001).to_bytes(2, "big"))
    link.abort()
    await peer.gone()
    await wait_all_tasks_blocked()
    assert not nursery.child_tasks
    assert trio.current_time() == 2


async def test_a_cancelled_link_closes_its_stream_at_once(autojump_clock: MockClock):
    async with trio.open_nursery() as nursery:
        link, peer = await connect(nursery)
        nursery.cancel_scope.cancel()
    await peer.gone()
    with pytest.raises(KXTConnectionError):
        await link.receive()
    assert trio.current_time() == 0
