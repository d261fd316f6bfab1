"""The broker's end of a byte stream: what it can overhear, and how it can fail."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import attrs
import trio

from .client_frames import ClientFrame, ClientFrames

__all__ = ["BrokerEnd", "Wire", "memory_wire"]


class BrokerEnd(trio.abc.Stream):
    """A byte stream that can be cut as TCP cuts: the peer gets an error, not an end."""

    @abstractmethod
    def abort(self) -> None:
        """Cut the connection at once; what was sent and not yet read may be lost."""


def memory_wire() -> tuple[trio.abc.Stream, BrokerEnd]:
    """Return the client's and the broker's end of a connection without a network.

    Each operation is one checkpoint: most of a day in virtual time is heartbeats.
    """
    there, back = _Pipe(), _Pipe()
    return _MemoryEnd(back, there), _MemoryEnd(there, back)


@attrs.define(eq=False, repr=False)
class _Pipe:
    """One direction."""

    content: bytearray = attrs.field(factory=bytearray)
    is_ended: bool = False  # the writer closed
    is_deaf: bool = False  # the reader closed
    is_cut: bool = False
    readers: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)

    @property
    def is_idle(self) -> bool:
        return not (self.content or self.is_ended or self.is_deaf or self.is_cut)


class _MemoryEnd(BrokerEnd):
    def __init__(self, incoming: _Pipe, outgoing: _Pipe) -> None:
        self._incoming = incoming
        self._outgoing = outgoing

    def abort(self) -> None:
        for pipe in (self._incoming, self._outgoing):
            pipe.is_cut = True
            pipe.readers.unpark_all()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        pipe = self._incoming
        if pipe.is_idle:
            await pipe.readers.park()
        else:
            await trio.lowlevel.checkpoint()
        if pipe.is_cut:
            raise trio.BrokenResourceError("the connection was cut")
        if pipe.is_deaf:
            raise trio.ClosedResourceError("this end was closed")
        data = pipe.content[:max_bytes]
        del pipe.content[:max_bytes]
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.wait_send_all_might_not_block()
        self._outgoing.content += data
        self._outgoing.readers.unpark_all()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()
        pipe = self._outgoing
        if pipe.is_ended:
            raise trio.ClosedResourceError("this end was closed")
        if pipe.is_cut or pipe.is_deaf:
            raise trio.BrokenResourceError("the peer is gone")

    async def aclose(self) -> None:
        self._incoming.is_deaf = self._outgoing.is_ended = True
        self._incoming.readers.unpark_all()
        self._outgoing.readers.unpark_all()
        await trio.lowlevel.checkpoint()


class Wire(BrokerEnd):
    """What the broker's websocket runs on.

    Args:
        end: The byte stream itself.
        overhear: Called with every frame of the client before the websocket gets it.
    """

    def __init__(self, end: BrokerEnd, overhear: Callable[[ClientFrame], None]) -> None:
        self._end = end
        self._frames = ClientFrames()
        self._overhear = overhear
        self._silent = False

    def silence(self) -> None:
        """From now on hear nothing and say nothing, and do not hang up either."""
        self._silent = True

    def abort(self) -> None:
        """Cut the connection."""
        self._end.abort()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Return what the client sent; a silent wire only notices that it has gone."""
        while True:
            data = await self._end.receive_some(max_bytes)
            if not self._silent:
                for frame in self._frames.feed(data):
                    self._overhear(frame)
            if not (data and self._silent):
                return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send; a silent wire swallows it."""
        if self._silent:
            await trio.lowlevel.checkpoint()
        else:
            await self._end.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the byte stream does."""
        await self._end.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the byte stream, silent or not."""
        await self._end.aclose()
