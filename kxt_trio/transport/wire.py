"""The byte stream under a websocket: ours, watched, and with a short cut for texts."""

from __future__ import annotations

import math
import os

import trio

from .text_lane import TextLane

__all__ = ["Wire"]

#: What one read brings at most: some twenty notices, half a millisecond's work.  Fewer
#: than a consumer takes in a row, so that a burst waits in the kernel and not here.
_RECEIVE_BYTES = 6 * 1024

_HEAD_END = b"\r\n\r\n"
_SWITCHING = b"HTTP/1.1 101"


class Wire(trio.abc.Stream):
    """A byte stream that knows when it was last heard of, and whether it has ended.

    The websocket library reads the handshake from it.  With a :class:`TextLane` the
    consumer reads then, by :meth:`receive_texts`, and the library gets what is left over;
    once the lane is over the library reads again.  Without a lane it always does.
    """

    def __init__(self, stream: trio.abc.Stream, lane: TextLane | None = None) -> None:
        self._stream = stream
        self._lane = lane
        self._head = b""
        self._surplus: bytes | bytearray = b""
        self._socket = _readable_by_hand(stream)
        #: The socket, if the last read took all there was.
        self._drained: trio.socket.SocketType | None = None
        self._hand_over, self._handed_over = trio.open_memory_channel[bytes](math.inf)
        self.last_received_at: float = trio.current_time()
        self.ended: trio.Event = trio.Event()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Give the library its bytes."""
        if self._lane is None:
            return await self._read(max_bytes)
        if not self._head.endswith(_HEAD_END) and not self._lane.is_over:
            return await self._read_head(max_bytes)
        try:
            return await self._handed_over.receive()
        except trio.EndOfChannel:
            self._lane = None
            return await self._read(max_bytes)

    async def receive_texts(self) -> list[str]:
        """Return the texts that came by the lane; none once it is over."""
        lane = self._lane
        while lane is not None and not lane.is_over:
            try:
                if self._drained is None:
                    data = await self._next_bytes()
                else:
                    # The stream's own way is to try first, in vain if the last read took all
                    # there was, and to give others a turn once it has something.  Both are
                    # time in which a fill lies there, as is each caller between here and it.
                    await trio.lowlevel.wait_readable(_descriptor(self._drained))
                    came = _read_at_once(self._drained)
                    if came is None:
                        continue
                    data = self._note(came)
            except Exception:  # noqa: BLE001  # the library, which reads next, finds the end
                data = b""
            self._drained = self._socket if len(data) < _RECEIVE_BYTES else None
            if not data:  # the library is to find out, and to say so
                self.end_lane()
                break
            texts, others = lane.feed(data)
            if others or lane.is_over:
                self._pass_on(others)
            if texts:
                return texts  # noqa: ASYNC910  # what was read was waited for
        return []  # noqa: ASYNC910  # the caller asks the library then, and waits there

    def end_lane(self) -> None:
        """Let the library read from now on; nobody may be in :meth:`receive_texts`."""
        if self._lane is not None and not self._lane.is_over:
            self._pass_on(self._lane.end() + self._surplus)

    def _pass_on(self, data: bytes) -> None:
        if data:
            self._hand_over.send_nowait(data)
        if self._lane is None or self._lane.is_over:
            self._hand_over.close()

    async def _next_bytes(self) -> bytes | bytearray:
        if self._surplus:
            await trio.lowlevel.checkpoint()
            surplus, self._surplus = self._surplus, b""
            return surplus
        return await self._read(_RECEIVE_BYTES)

    async def _read_head(self, max_bytes: int | None) -> bytes | bytearray:
        """Read the answer to the handshake, and not a byte of what follows it."""
        data = await self._read(max_bytes)
        before = len(self._head)
        self._head += data
        if not data or not _SWITCHING.startswith(self._head[: len(_SWITCHING)]):
            self._lane = None  # a refusal: the library reads its body, too
            return data
        end = self._head.find(_HEAD_END)
        if end < 0:
            return data
        end += len(_HEAD_END)
        self._head, self._surplus = self._head[:end], self._head[end:]
        return data[: end - before]

    async def _read(self, max_bytes: int | None) -> bytes | bytearray:
        try:
            data = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError:
            self.ended.set()
            raise
        return self._note(data)

    def _note(self, data: bytes | bytearray) -> bytes | bytearray:
        if data:
            self.last_received_at = trio.current_time()
        else:
            self.ended.set()
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, as the stream below does."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait, as the stream below does."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream below."""
        self.ended.set()
        await self._stream.aclose()


def _readable_by_hand(stream: trio.abc.Stream) -> trio.socket.SocketType | None:
    if isinstance(stream, trio.SocketStream) and os.name == "posix":
        return stream.socket
    return None


def _read_at_once(sock: trio.socket.SocketType) -> bytes | None:
    """Return what has come; None if somebody else has taken it."""
    try:
        return os.read(_descriptor(sock), _RECEIVE_BYTES)
    except BlockingIOError:
        return None


def _descriptor(sock: trio.socket.SocketType) -> int:
    """To be asked for anew after each wait: a closed one's number may be another's by then."""
    number = sock.fileno()
    if number < 0:
        raise trio.ClosedResourceError
    return number
