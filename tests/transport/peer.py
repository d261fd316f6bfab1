"""The other end of a websocket, written out byte by byte: no library would misbehave so."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import pytest
import trio
from trio.testing import memory_stream_pair

from kxt_trio.errors import KXTConnectionError
from kxt_trio.transport.websocket import Link, connect_link

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


async def partly(peer: Peer) -> None:
    await peer.read_until(b"\r\n\r\n")
    await peer.stream.send_all(b"HTTP/1.1 101 Switching")


async def hangs_up_after_the_request(peer: Peer) -> None:
    await peer.read_until(b"\r\n\r\n")
    await peer.stream.send_eof()


async def ended(link: Link) -> str:
    """Return in which words the link's end is told, the same from every verb."""
    with trio.fail_after(PROMPTLY):
        with pytest.raises(KXTConnectionError) as caught:
            await link.receive()
        for verb in (link.receive, partial(link.send, "x"), partial(link.pong, b"x")):
            with pytest.raises(KXTConnectionError, match=str(caught.value)):
                await verb()
    return str(caught.value)
