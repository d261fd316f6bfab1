"""The byte stream under the websocket library, over memory and over sockets."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import pytest
import trio
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from kxt_trio.transport.text_lane import TextLane
from kxt_trio.transport.wire import Wire

from .test_text_lane import LIMIT, TEXT, frame

Pair: TypeAlias = tuple[trio.abc.Stream, trio.abc.Stream]


async def sockets() -> tuple[trio.SocketStream, trio.SocketStream]:
    with trio.socket.socket() as listener:
        await listener.bind(("127.0.0.1", 0))
        listener.listen()
        ours = await trio.open_tcp_stream(*listener.getsockname())
        theirs, _ = await listener.accept()
    return ours, trio.SocketStream(theirs)


@pytest.fixture(params=["memory", "sockets"])
async def pair(request: Any) -> AsyncIterator[Pair]:
    ends: Pair = await sockets() if request.param == "sockets" else memory_stream_pair()
    yield ends
    for end in ends:
        await trio.aclose_forcefully(end)


HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


async def test_the_library_reads_the_answer_and_not_a_byte_more(pair: Pair):
    ours, theirs = pair
    wire = Wire(ours, TextLane(LIMIT))
    await theirs.send_all(HEAD + frame(TEXT, b"at once"))
    assert await wire.receive_some(4096) == HEAD
    assert await wire.receive_texts() == ["at once"]


@pytest.mark.parametrize("size", [1, 7, 60])
async def test_an_answer_in_pieces(pair: Pair, size: int):
    ours, theirs = pair
    wire = Wire(ours, TextLane(LIMIT))
    await theirs.send_all(HEAD + frame(TEXT, b"behind it"))
    head = b""
    while len(head) < len(HEAD):
        head += await wire.receive_some(size)
    assert head == HEAD
    assert await wire.receive_texts() == ["behind it"]


async def test_a_refusal_is_read_by_the_library_alone(pair: Pair):
    ours, theirs = pair
    wire = Wire(ours, TextLane(LIMIT))
    refusal = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
    await theirs.send_all(refusal)
    assert await wire.receive_some(4096) == refusal
    await theirs.send_all(frame(TEXT, b"none of ours"))
    assert await wire.receive_some(4096) == frame(TEXT, b"none of ours")
    assert await wire.receive_texts() == []


async def test_a_cancel_takes_nothing(pair: Pair, autojump_clock: trio.testing.MockClock):
    ours, theirs = pair
    wire = Wire(ours, TextLane(LIMIT))
    await theirs.send_all(HEAD + frame(TEXT, b"one"))
    await wire.receive_some(4096)
    with trio.CancelScope() as scope:
        scope.cancel()
        await wire.receive_texts()
    assert scope.cancelled_caught
    assert await wire.receive_texts() == ["one"]
    await theirs.send_all(frame(TEXT, b"two")[:3])
    with trio.move_on_after(1) as patience:
        await wire.receive_texts()
    assert patience.cancelled_caught
    await theirs.send_all(frame(TEXT, b"two")[3:])
    assert await wire.receive_texts() == ["two"]


async def test_half_a_frame_at_the_end_of_the_lane_is_the_librarys(pair: Pair):
    ours, theirs = pair
    wire = Wire(ours, TextLane(LIMIT))
    half, rest = frame(TEXT, b"in two")[:4], frame(TEXT, b"in two")[4:]
    await theirs.send_all(HEAD + frame(TEXT, b"one") + half)
    await wire.receive_some(4096)
    assert await wire.receive_texts() == ["one"]
    wire.end_lane()
    wire.end_lane()
    assert await wire.receive_texts() == []
    await theirs.send_all(rest)
    assert await wire.receive_some(4096) == half
    assert await wire.receive_some(4096) == rest


async def test_an_answer_without_the_end_of_its_head_is_the_librarys_for_good(pair: Pair):
    """Its lines end otherwise than HTTP has it; a library may be lenient there."""
    ours, theirs = pair
    wire = Wire(ours, TextLane(LIMIT))
    head = HEAD.replace(b"\r\n", b"\n")
    await theirs.send_all(head)
    assert await wire.receive_some(4096) == head
    wire.end_lane()
    await theirs.send_all(frame(TEXT, b"one"))
    assert await wire.receive_some(4096) == frame(TEXT, b"one")
    assert await wire.receive_texts() == []


class Faulty(trio.abc.ReceiveStream):
    """Any stream will do, and somebody else's may raise anything."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        raise BlockingIOError

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_a_stream_that_fails_is_the_librarys_to_judge():
    wire = Wire(trio.StapledStream(memory_stream_pair()[0], Faulty()), TextLane(LIMIT))
    wire._head = HEAD
    with trio.fail_after(1):
        assert await wire.receive_texts() == []
    with pytest.raises(BlockingIOError):
        await wire.receive_some(4096)


# -- over sockets alone -------------------------------------------------------------------


@asynccontextmanager
async def a_trickle() -> AsyncGenerator[tuple[Wire, trio.SocketStream]]:
    """A wire whose last read took all there was, and its peer."""
    ours, theirs = await sockets()
    wire = Wire(ours, TextLane(LIMIT))
    async with ours, theirs:
        await theirs.send_all(HEAD)
        await wire.receive_some(4096)
        await theirs.send_all(frame(TEXT, b"one"))
        assert await wire.receive_texts() == ["one"]
        with trio.fail_after(10):  # noqa: ASYNC100  # the block has some
            yield wire, theirs


async def test_a_flood_and_a_trickle_come_whole_and_in_order():
    sent = [f"{number:0200d}" for number in range(2_000)]
    seen: list[str] = []
    async with a_trickle() as (wire, theirs), trio.open_nursery() as nursery:

        async def send() -> None:
            for start in range(0, 1_000, 100):
                batch = sent[start : start + 100]
                await theirs.send_all(b"".join(frame(TEXT, text.encode()) for text in batch))
            for text in sent[1_000:]:
                await theirs.send_all(frame(TEXT, text.encode()))

        nursery.start_soon(send)
        while len(seen) < len(sent):
            seen += await wire.receive_texts()
    assert seen == sent


async def test_bytes_that_somebody_else_has_taken_are_waited_for(monkeypatch):
    tries = []

    def read(*given: int) -> bytes:
        tries.append(given)
        if len(tries) == 1:
            raise BlockingIOError
        return _read(*given)

    _read = os.read
    async with a_trickle() as (wire, theirs):
        monkeypatch.setattr(os, "read", read)
        await theirs.send_all(frame(TEXT, b"two"))
        assert await wire.receive_texts() == ["two"]
    assert len(tries) == 2


async def test_a_reset_is_an_end_for_the_library():
    async with a_trickle() as (wire, theirs):
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await theirs.aclose()
        assert await wire.receive_texts() == []
        assert await wire.receive_some(4096) == b""  # a system tells of it once
        assert wire.ended.is_set()


async def test_a_closed_socket_is_an_end():
    async with a_trickle() as (wire, _):
        waiting = trio.lowlevel.current_statistics().io_statistics.tasks_waiting_read
        await wire.aclose()
        assert await wire.receive_texts() == []
        assert trio.lowlevel.current_statistics().io_statistics.tasks_waiting_read == waiting


async def test_a_socket_closed_by_another_task_wakes_who_waits():
    async with a_trickle() as (wire, _), trio.open_nursery() as nursery:

        async def close() -> None:
            await wait_all_tasks_blocked()
            await wire.aclose()

        nursery.start_soon(close)
        assert await wire.receive_texts() == []
