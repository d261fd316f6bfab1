"""One websocket connection: how it opens, what it carries, how it ends.

The peer is written out byte by byte where it misbehaves, since no library would do so.
"""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import (
    MockClock,
    lockstep_stream_pair,
    memory_stream_pair,
    wait_all_tasks_blocked,
)

from kxt_trio.errors import KXTConnectionError, KXTError, KXTProtocolError, KXTTimeoutError
from kxt_trio.transport.network import Network, open_tcp
from kxt_trio.transport.websocket import Link, accept_link, connect_link

URL = "ws://broker.test:21000/tryitout"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
LIMIT = 2048
PROMPTLY = 1.0  #: Seconds of the real clock; virtual ones are counted exactly.

Peering = Callable[["Peer"], Awaitable[None]]


class Gone(Exception):
    """The client has closed its end."""


class Peer:
    """A websocket server that does as it is told."""

    def __init__(self, stream: trio.abc.HalfCloseableStream) -> None:
        self.stream = stream
        self._got = b""

    async def read_until(self, mark: bytes) -> bytes:
        while mark not in self._got:
            data = await self.stream.receive_some()
            if not data:
                raise Gone
            self._got += data
        head, _, self._got = self._got.partition(mark)
        return head

    async def read(self, count: int) -> bytes:
        while len(self._got) < count:
            data = await self.stream.receive_some()
            if not data:
                raise Gone
            self._got += data
        head, self._got = self._got[:count], self._got[count:]
        return head

    async def accept(self) -> str:
        """Answer the handshake; return the request."""
        request = (await self.read_until(b"\r\n\r\n")).decode()
        await self.stream.send_all(self.answer(request))
        return request

    @staticmethod
    def answer(request: str) -> bytes:
        [nonce] = [
            line.partition(":")[2].strip()
            for line in request.splitlines()
            if line.lower().startswith("sec-websocket-key:")
        ]
        digest = hashlib.sha1(nonce.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: "
            + base64.b64encode(digest)
            + b"\r\n\r\n"
        )

    @staticmethod
    def frame(opcode: int, payload: bytes, *, last: bool = True) -> bytes:
        size = len(payload)
        length = bytes([size]) if size < 126 else bytes([126]) + size.to_bytes(2, "big")
        return bytes([opcode | (0x80 if last else 0)]) + length + payload

    async def send(self, opcode: int, payload: bytes, *, last: bool = True) -> None:
        await self.stream.send_all(self.frame(opcode, payload, last=last))

    async def close(self, code: int = 1000) -> None:
        await self.send(CLOSE, code.to_bytes(2, "big"))

    async def receive(self) -> tuple[int, bytes]:
        """Return opcode and payload of the client's next frame."""
        first, second = await self.read(2)
        assert second & 0x80, "a client masks"
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(await self.read(2), "big")
        mask = await self.read(4)
        payload = bytes(b ^ mask[i % 4] for i, b in enumerate(await self.read(size)))
        return first & 0x0F, payload

    async def gone(self) -> None:
        """Wait until the client has closed its end, whatever it sends before."""
        with trio.fail_after(PROMPTLY):
            with suppress(trio.BrokenResourceError):
                while await self.stream.receive_some():
                    pass


def giving(stream: trio.abc.Stream) -> Callable[[str, int, bool], Awaitable[trio.abc.Stream]]:
    async def open_stream(host: str, port: int, tls: bool) -> trio.abc.Stream:
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            await trio.aclose_forcefully(stream)
            raise
        return stream

    return open_stream


def connecting(
    open_stream: Callable[[str, int, bool], Awaitable[trio.abc.Stream]],
    *,
    url: str = URL,
    timeout: float = 10,
) -> Callable[..., Awaitable[None]]:
    return partial(
        connect_link,
        url,
        open_stream=open_stream,
        connect_timeout=timeout,
        max_message_size=LIMIT,
    )


async def connect(nursery: trio.Nursery) -> tuple[Link, Peer]:
    """Return an open link over a memory stream and the server at its other end."""
    ours, theirs = memory_stream_pair()
    peer = Peer(theirs)
    nursery.start_soon(peer.accept)
    link: Link = await nursery.start(connecting(giving(ours)))
    return link, peer


async def receive(link: Link, count: int = 1) -> list[str]:
    """Return so many messages, whether or not they came together."""
    texts: list[str] = []
    while len(texts) < count:
        texts += await link.receive()
    return texts


async def refused(nursery: trio.Nursery, behave: Peering, **options: Any) -> KXTError:
    """Connect to a peer that behaves so; return how that failed."""
    ours, theirs = memory_stream_pair()
    peer = Peer(theirs)
    nursery.start_soon(behave, peer)
    with pytest.raises(KXTError) as caught:
        await nursery.start(connecting(giving(ours), **options))
    await peer.gone()
    return caught.value


# -- opening ----------------------------------------------------------------------------


async def test_texts_travel_both_ways_in_order(nursery: trio.Nursery):
    ours, theirs = memory_stream_pair()
    links: list[Link] = []

    async def serve() -> None:
        links.append(await nursery.start(accept_link, theirs))

    nursery.start_soon(serve)
    link: Link = await nursery.start(connecting(giving(ours)))
    await wait_all_tasks_blocked()
    [other] = links
    for text in ("", "체결", "a" * LIMIT):
        await link.send(text)
        assert await receive(other) == [text]
        await other.send(text)
        assert await receive(link) == [text]


async def test_the_request_names_host_port_and_path_and_offers_no_extension(
    nursery: trio.Nursery,
):
    ours, theirs = memory_stream_pair()
    requests: list[str] = []

    async def accept() -> None:
        requests.append(await Peer(theirs).accept())

    nursery.start_soon(accept)
    await nursery.start(connecting(giving(ours), url="ws://[::1]:21000/feed?kind=fills"))
    [request] = requests
    assert request.startswith("GET /feed?kind=fills HTTP/1.1\r\n")
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in request.splitlines()[1:])
    }
    assert headers["host"] == "[::1]:21000"
    assert "sec-websocket-extensions" not in headers
    assert "origin" not in headers


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("ws://broker.test", ("broker.test", 80, False)),
        ("wss://broker.test", ("broker.test", 443, True)),
        ("wss://broker.test:8443/feed", ("broker.test", 8443, True)),
        ("ws://[::1]:21000", ("::1", 21000, False)),
    ],
)
async def test_the_address_says_where_to_connect_and_whether_inside_tls(
    nursery: trio.Nursery, url: str, asked: tuple[str, int, bool]
):
    calls = []

    async def open_stream(*where: object) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        calls.append(where)
        raise OSError("down")

    with pytest.raises(KXTConnectionError):
        await nursery.start(connecting(open_stream, url=url))
    assert calls == [asked]


@pytest.mark.parametrize(
    "error", [OSError("no route to host"), ConnectionRefusedError(), trio.BrokenResourceError()]
)
async def test_a_network_that_fails_is_a_connection_error_with_its_cause(
    nursery: trio.Nursery, error: Exception
):
    async def open_stream(*_: object) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        raise error

    with pytest.raises(KXTConnectionError, match=r"broker\.test:21000: \w+") as caught:
        await nursery.start(connecting(open_stream))
    assert type(caught.value) is KXTConnectionError
    assert caught.value.__cause__ is error


async def test_an_error_of_a_proxy_library_is_a_failed_dial_with_its_cause(
    nursery: trio.Nursery,
):
    error = LookupError("the proxy's own")

    async def open_stream(*_: object) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        raise error

    with pytest.raises(KXTConnectionError, match="LookupError") as caught:
        await nursery.start(connecting(open_stream))
    assert caught.value.__cause__ is error


async def never_opens(*_: object) -> trio.abc.Stream:
    await trio.sleep_forever()
    raise AssertionError


async def test_a_connection_that_does_not_come_about_ends_at_the_timeout(
    nursery: trio.Nursery, autojump_clock: MockClock
):
    with pytest.raises(KXTTimeoutError, match=r"broker\.test:21000 after 7 s"):
        await nursery.start(connecting(never_opens, timeout=7))
    assert trio.current_time() == 7


async def partly(peer: Peer) -> None:
    await peer.read_until(b"\r\n\r\n")
    await peer.stream.send_all(b"HTTP/1.1 101 Switching")


async def silent(peer: Peer) -> None:
    await peer.read_until(b"\r\n\r\n")


@pytest.mark.parametrize("behave", [partly, silent])
async def test_a_peer_that_does_not_answer_ends_at_the_timeout(
    nursery: trio.Nursery, autojump_clock: MockClock, behave: Peering
):
    error = await refused(nursery, behave, timeout=7)
    assert type(error) is KXTTimeoutError
    assert isinstance(error.__cause__, trio.TooSlowError)
    assert trio.current_time() == 7


async def hangs_up(peer: Peer) -> None:
    await peer.stream.send_eof()


async def hangs_up_after_the_request(peer: Peer) -> None:
    await peer.read_until(b"\r\n\r\n")
    await peer.stream.send_eof()


async def hangs_up_in_its_answer(peer: Peer) -> None:
    await partly(peer)
    await peer.stream.send_eof()


async def refuses_and_hangs_up(peer: Peer) -> None:
    await peer.read_until(b"\r\n\r\n")
    await peer.stream.send_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\nbusy")
    await peer.stream.send_eof()


@pytest.mark.parametrize(
    "behave",
    [hangs_up, hangs_up_after_the_request, hangs_up_in_its_answer, refuses_and_hangs_up],
)
async def test_the_end_of_the_stream_ends_the_handshake_at_once(
    nursery: trio.Nursery, autojump_clock: MockClock, behave: Peering
):
    error = await refused(nursery, behave)
    assert type(error) is KXTConnectionError
    assert "handshake" in str(error)
    assert trio.current_time() == 0


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        bytes(range(256)),
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: bm90IHRoZSBhbnN3ZXI=\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
    ids=["ssh", "binary", "wrong answer", "no answer"],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_garbage_in_the_handshake_is_a_protocol_error_at_once(
    nursery: trio.Nursery, autojump_clock: MockClock, data: bytes, at_once: bool
):
    async def babble(peer: Peer) -> None:
        if not at_once:
            await peer.read_until(b"\r\n\r\n")
        await peer.stream.send_all(data)

    error = await refused(nursery, babble)
    assert type(error) is KXTProtocolError
    assert trio.current_time() == 0
    assert error.__cause__ is not None


@pytest.mark.parametrize("body", [b"", b"busy"])
async def test_a_refusal_by_http_tells_its_status(
    nursery: trio.Nursery, autojump_clock: MockClock, body: bytes
):
    async def refuse(peer: Peer) -> None:
        await peer.read_until(b"\r\n\r\n")
        head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Length: {len(body)}\r\n\r\n"
        await peer.stream.send_all(head.encode() + body)

    error = await refused(nursery, refuse)
    assert type(error) is KXTConnectionError
    assert "503" in str(error)
    assert trio.current_time() == 0


async def test_once_open_the_link_is_not_bound_by_the_timeout(
    nursery: trio.Nursery, autojump_clock: MockClock
):
    link, peer = await connect(nursery)
    await trio.sleep(3600)
    await peer.send(TEXT, b"still there")
    assert await receive(link) == ["still there"]


async def test_a_timeout_in_the_very_step_that_opens_is_a_timeout_and_nothing_else(
    mock_clock: MockClock,
):
    """Otherwise it would go off later, in whatever nursery the link has moved to."""

    class Late(trio.abc.ReceiveStream):
        def __init__(self, stream: trio.abc.ReceiveStream) -> None:
            self.stream = stream

        async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
            data = await self.stream.receive_some(max_bytes)
            mock_clock.jump(10)
            return data

        async def aclose(self) -> None:
            await self.stream.aclose()

    ours, theirs = memory_stream_pair()
    late = trio.StapledStream(ours.send_stream, Late(ours.receive_stream))
    with pytest.raises(KXTTimeoutError):
        async with trio.open_nursery() as supports:
            supports.start_soon(Peer(theirs).accept)
            try:
                await supports.start(connecting(giving(late)))
            except KXTTimeoutError as exc:
                bare = exc
            else:
                pytest.fail("opened, and bound to fail")
        raise bare
    await Peer(theirs).gone()


async def test_a_cancel_at_any_step_of_the_opening_leaves_nothing(nursery: trio.Nursery):
    async def opens_when_cancelled_after(steps: int) -> bool:
        tasks = trio.lowlevel.current_statistics().tasks_living
        ours, theirs = memory_stream_pair()
        peer = Peer(theirs)
        opened = False
        with trio.fail_after(PROMPTLY):
            async with trio.open_nursery() as supports:

                async def start() -> None:
                    nonlocal opened
                    with attempt:
                        await supports.start(connecting(giving(ours)))
                        opened = True

                async def answer() -> None:
                    with suppress(Gone, trio.BrokenResourceError):
                        await peer.accept()

                attempt = trio.CancelScope()
                supports.start_soon(start)
                supports.start_soon(answer)
                for _ in range(steps):
                    await trio.lowlevel.cancel_shielded_checkpoint()
                attempt.cancel()
                await wait_all_tasks_blocked()
                supports.cancel_scope.cancel()
        await peer.gone()
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        return opened

    results = [await opens_when_cancelled_after(steps) for steps in range(60)]
    assert results == sorted(results)
    assert results.index(True) > 5, "steps were left out"


# -- what is carried --------------------------------------------------------------------


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


# -- the peer ends it -------------------------------------------------------------------


async def ended(link: Link) -> str:
    """Return in which words the link's end is told, the same from every verb."""
    with trio.fail_after(PROMPTLY):
        with pytest.raises(KXTConnectionError) as caught:
            await link.receive()
        for verb in (link.receive, partial(link.send, "x"), partial(link.pong, b"x")):
            with pytest.raises(KXTConnectionError, match=str(caught.value)):
                await verb()
    return str(caught.value)


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


# -- we end it --------------------------------------------------------------------------


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


# -- being the server -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"", KXTConnectionError), (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", KXTError)],
)
async def test_a_client_that_is_none_is_told_to_the_server(
    nursery: trio.Nursery, autojump_clock: MockClock, data: bytes, error: type[KXTError]
):
    ours, theirs = memory_stream_pair()
    if data:
        await theirs.send_all(data)
    else:
        await theirs.send_eof()
    with pytest.raises(error):
        await nursery.start(accept_link, ours)
    await Peer(theirs).gone()
    assert trio.current_time() == 0


# -- over TCP, on the real clock --------------------------------------------------------


async def listen(
    nursery: trio.Nursery, behave: Callable[[trio.SocketStream], Awaitable[None]]
) -> str:
    """Serve on loopback; return the address."""
    [listener] = await nursery.start(
        partial(trio.serve_tcp, behave, 0, host="127.0.0.1", handler_nursery=nursery)
    )
    return f"ws://127.0.0.1:{listener.socket.getsockname()[1]}/tryitout"


def over_tcp(url: str) -> Callable[..., Awaitable[None]]:
    return connecting(open_tcp, url=url, timeout=5)


async def test_texts_travel_over_tcp(nursery: trio.Nursery):
    async def serve(stream: trio.SocketStream) -> None:
        link: Link = await nursery.start(accept_link, stream)
        while True:
            try:
                for text in await link.receive():
                    await link.send(text)
            except KXTConnectionError:
                return

    link: Link = await nursery.start(over_tcp(await listen(nursery, serve)))
    for text in ("체결", "b" * LIMIT):
        await link.send(text)
        assert await receive(link) == [text]
    with trio.fail_after(PROMPTLY):
        await link.aclose()


async def close_without_fin(peer: Peer) -> None:
    await peer.accept()
    await peer.close(1001)
    await peer.gone()


async def too_large(peer: Peer) -> None:
    await peer.accept()
    await peer.send(TEXT, b"x" * (LIMIT + 1))
    await peer.gone()


async def bare_end(peer: Peer) -> None:
    await peer.accept()


async def reset(peer: Peer) -> None:
    await peer.accept()
    reset_at_close(peer)


def reset_at_close(peer: Peer) -> None:
    assert isinstance(peer.stream, trio.SocketStream)
    peer.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize(
    ("behave", "told"),
    [
        (close_without_fin, "1001"),
        (too_large, "1009"),
        (bare_end, "without a close frame"),
        (reset, "without a close frame"),
    ],
)
async def test_every_ending_over_tcp_is_told_promptly_and_leaves_no_socket(
    nursery: trio.Nursery, behave: Peering, told: str
):
    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            await behave(Peer(stream))

    url = await listen(nursery, serve)
    with trio.fail_after(PROMPTLY):
        link: Link = await nursery.start(over_tcp(url))
        assert told in await ended(link)
        link.abort()


async def reset_in_handshake(peer: Peer) -> None:
    await peer.read_until(b"\r\n\r\n")
    reset_at_close(peer)


@pytest.mark.parametrize("behave", [hangs_up_after_the_request, partly, reset_in_handshake])
async def test_a_handshake_cut_short_over_tcp_ends_promptly(
    nursery: trio.Nursery, behave: Peering
):
    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            await behave(Peer(stream))

    url = await listen(nursery, serve)
    with trio.fail_after(PROMPTLY), pytest.raises(KXTConnectionError) as caught:
        await nursery.start(over_tcp(url))
    assert type(caught.value) is KXTConnectionError


async def test_where_nobody_listens_the_connection_is_refused(nursery: trio.Nursery):
    with trio.socket.socket() as bound:
        await bound.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(KXTConnectionError) as caught:
            await nursery.start(over_tcp(url))
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_peer_without_tls_is_a_connection_error_and_no_fallback(nursery: trio.Nursery):
    asked = []

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            asked.append(await stream.receive_some())
            await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    url = (await listen(nursery, serve)).replace("ws://", "wss://")
    with trio.fail_after(PROMPTLY), pytest.raises(KXTConnectionError) as caught:
        await nursery.start(over_tcp(url))
    assert isinstance(caught.value.__cause__, trio.BrokenResourceError)
    assert isinstance(caught.value.__cause__.__cause__, ssl.SSLError)
    [hello] = asked
    assert hello.startswith(b"\x16\x03")  # a TLS handshake record, and nothing in the clear


async def test_a_cancel_at_any_step_over_tcp_leaves_no_socket(nursery: trio.Nursery):
    """The fixture round every test looks for the sockets."""

    async def serve(stream: trio.SocketStream) -> None:
        with suppress(Gone, trio.BrokenResourceError):
            async with stream:
                await Peer(stream).accept()

    url = await listen(nursery, serve)
    for steps in range(25):
        with trio.fail_after(PROMPTLY):
            async with trio.open_nursery() as supports:
                supports.start_soon(supports.start, over_tcp(url))
                for _ in range(steps):
                    await trio.lowlevel.cancel_shielded_checkpoint()
                supports.cancel_scope.cancel()


# -- the seam ---------------------------------------------------------------------------


async def test_the_default_network_is_the_real_world(nursery: trio.Nursery):
    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.send_all(b"hello")

    url = await listen(nursery, serve)
    network = Network()
    stream = await network.open_stream("127.0.0.1", int(url.split(":")[2].split("/")[0]), False)
    async with stream:
        assert await stream.receive_some() == b"hello"
    assert network.http_transport is None
    assert network.now().utcoffset().total_seconds() == 9 * 3600  # type: ignore[union-attr]
    assert network.random is not Network().random
