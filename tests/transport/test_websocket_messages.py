"""What one websocket connection carries."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from .peer import BINARY, LIMIT, PING, PONG, PROMPTLY, TEXT, connect, receive


async def test_a_binary_message_is_read_as_text(nursery: trio.Nursery):
    link, peer = await connect(nursery)
    await peer.send(BINARY, "체결".encode())
    await peer.send(BINARY, b"\xffend")
    assert await receive(link, 2) == ["체결", "\ufffdend"]


async def test_a_message_in_pieces_is_one_message(nursery: trio.Nursery):
    link, peer = await connect(nursery)
    whole = "체결통보".encode()
    await peer.send(TEXT, whole[:4], last=False)
    await peer.send(PING, b"between")
    await peer.send(0, whole[4:])
    assert await receive(link) == ["체결통보"]


async def test_messages_that_come_together_are_received_together(nursery: trio.Nursery):
    link, peer = await connect(nursery)
    together = [peer.frame(TEXT, b"one"), peer.frame(PING, b"?"), peer.frame(TEXT, b"two")]
    await peer.stream.send_all(b"".join(together))
    assert await link.receive() == ["one", "two"]
    assert await peer.receive() == (PONG, b"?")


async def test_a_message_of_the_greatest_size_passes(nursery: trio.Nursery):
    link, peer = await connect(nursery)
    await peer.send(TEXT, b"x" * LIMIT)
    assert await receive(link) == ["x" * LIMIT]


async def test_a_pong_carries_its_payload_as_a_control_frame(nursery: trio.Nursery):
    link, peer = await connect(nursery)
    payload = b'{"header":{"tr_id":"PINGPONG","datetime":"20261120093005"}}'
    await link.pong(payload)
    assert await peer.receive() == (PONG, payload)


async def test_a_ping_is_answered_while_somebody_receives(nursery: trio.Nursery):
    link, peer = await connect(nursery)
    nursery.start_soon(link.receive)
    await peer.send(PING, b"anyone?")
    with trio.fail_after(PROMPTLY):
        assert await peer.receive() == (PONG, b"anyone?")
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("opcode", [TEXT, PING, PONG])
async def test_any_frame_is_a_sign_of_life(
    nursery: trio.Nursery, autojump_clock: MockClock, opcode: int
):
    link, peer = await connect(nursery)
    assert link.last_received_at == 0
    await trio.sleep(30)
    assert link.last_received_at == 0
    await peer.send(opcode, b"x")
    with trio.move_on_after(1):
        await link.receive()
    assert link.last_received_at == 30
    await link.send("what we send is none")
    with trio.move_on_after(30):
        await link.receive()
    assert link.last_received_at == 30
