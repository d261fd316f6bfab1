"""One websocket connection over TCP, on the real clock."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import pytest
import trio

from kxt_trio.errors import KXTConnectionError
from kxt_trio.transport.network import Network, open_tcp
from kxt_trio.transport.websocket import Link, accept_link

from .peer import (
    LIMIT,
    PROMPTLY,
    TEXT,
    Gone,
    Peer,
    Peering,
    connecting,
    ended,
    hangs_up_after_the_request,
    partly,
    receive,
)

# -- over TCP, on the real clock ---------------------------------------------------


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


# -- the seam ----------------------------------------------------------------------


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
