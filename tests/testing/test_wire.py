from __future__ import annotations

import pytest
import trio
import trio.testing

from kxt_trio.testing.client_frames import ClientFrame, Opcode
from kxt_trio.testing.wire import Wire, memory_wire

PONG = b"GET / HTTP/1.1\r\n\r\n\x8a\x82\x00\x00\x00\x00ok"


async def test_bytes_go_both_ways_and_end():
    client, broker = memory_wire()
    await client.send_all(b"to the broker")
    await broker.send_all(b"to the client")
    await broker.wait_send_all_might_not_block()
    assert await broker.receive_some() == b"to the broker"
    assert await client.receive_some() == b"to the client"
    await broker.aclose()
    assert await client.receive_some() == b""
    with pytest.raises(trio.BrokenResourceError):
        await client.send_all(b"too late")


async def test_a_cut_breaks_both_ends_and_loses_what_was_not_read():
    client, broker = memory_wire()
    await broker.send_all(b"lost")
    broker.abort()
    for end in (client, broker):
        with pytest.raises(trio.BrokenResourceError):
            await end.receive_some()
        with pytest.raises(trio.BrokenResourceError):
            await end.send_all(b"lost, too")
        with pytest.raises(trio.BrokenResourceError):
            await end.wait_send_all_might_not_block()


async def test_a_cut_wakes_both_readers(nursery):
    client, broker = memory_wire()

    async def read(end: trio.abc.Stream) -> None:
        with pytest.raises(trio.BrokenResourceError):
            await end.receive_some()

    nursery.start_soon(read, client)
    nursery.start_soon(read, broker)
    await trio.testing.wait_all_tasks_blocked()
    broker.abort()


async def test_an_end_that_closed_itself_says_so():
    client, _ = memory_wire()
    await client.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await client.receive_some()


async def test_a_wire_overhears_frames():
    heard: list[ClientFrame] = []
    client, broker = memory_wire()
    wire = Wire(broker, heard.append)
    await client.send_all(PONG)
    assert await wire.receive_some() == PONG
    assert heard == [(Opcode.PONG, b"ok")]
    await wire.send_all(b"hello")
    await wire.wait_send_all_might_not_block()
    assert await client.receive_some() == b"hello"


async def test_a_silent_wire_neither_hears_nor_speaks_nor_ends(autojump_clock):
    heard: list[ClientFrame] = []
    client, broker = memory_wire()
    wire = Wire(broker, heard.append)
    wire.silence()
    await wire.send_all(b"hello")
    with trio.move_on_after(1000) as patience:
        await client.receive_some()
    assert patience.cancelled_caught
    await client.send_all(PONG)
    await client.aclose()
    assert await wire.receive_some() == b""  # all it notices is that the client has gone
    assert heard == []


async def test_a_wire_can_be_cut():
    client, broker = memory_wire()
    Wire(broker, print).abort()
    with pytest.raises(trio.BrokenResourceError):
        await client.receive_some()
