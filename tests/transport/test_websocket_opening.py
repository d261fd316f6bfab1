"""How one websocket connection opens, or does not."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from kxt_trio.errors import KXTConnectionError, KXTError, KXTProtocolError, KXTTimeoutError
from kxt_trio.transport.websocket import Link, accept_link

from .peer import (
    LIMIT,
    PROMPTLY,
    TEXT,
    Gone,
    Peer,
    Peering,
    connect,
    connecting,
    giving,
    hangs_up_after_the_request,
    partly,
    receive,
)


async def refused(nursery: trio.Nursery, behave: Peering, **options: Any) -> KXTError:
    """Connect to a peer that behaves so; return how that failed."""
    ours, theirs = memory_stream_pair()
    peer = Peer(theirs)
    nursery.start_soon(behave, peer)
    with pytest.raises(KXTError) as caught:
        await nursery.start(connecting(giving(ours), **options))
    await peer.gone()
    return caught.value


# -- opening -----------------------------------------------------------------------


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


# -- being the server --------------------------------------------------------------


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
