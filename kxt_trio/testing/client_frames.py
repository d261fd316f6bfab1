"""Websocket frames as a client sends them, read beside the real parser.

The websocket library answers or swallows control frames by itself; this is how the
stand-in broker gets to see pongs and close codes.  Sans-IO, RFC 6455 section 5.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

__all__ = ["ClientFrame", "ClientFrames", "Opcode"]

_END_OF_HEAD = b"\r\n\r\n"
_MASK_BYTES = 4
_LENGTH_BYTES = {126: 2, 127: 8}


class Opcode(IntEnum):
    """The control frames."""

    CLOSE = 8
    PING = 9
    PONG = 10


class ClientFrame(NamedTuple):
    """A frame, unmasked."""

    opcode: int
    payload: bytes


class ClientFrames:
    """Takes what a client sends, the HTTP request of the handshake first."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._upgraded = False

    def feed(self, data: bytes | bytearray) -> Iterator[ClientFrame]:
        """Take bytes and go through the frames that they complete."""
        self._buffer += data
        if not self._upgraded:
            _, end, rest = self._buffer.partition(_END_OF_HEAD)
            if not end:
                return
            self._buffer, self._upgraded = rest, True
        while (frame := self._next()) is not None:
            yield frame

    def _next(self) -> ClientFrame | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, start = buffer[1] & 0x7F, 2
        if length in _LENGTH_BYTES:
            start += _LENGTH_BYTES[length]
            length = int.from_bytes(buffer[2:start], "big")
        start += _MASK_BYTES
        end = start + length
        if len(buffer) < max(start, end):
            return None
        mask = buffer[start - _MASK_BYTES : start]
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(buffer[start:end]))
        frame = ClientFrame(buffer[0] & 0x0F, payload)
        del self._buffer[:end]
        return frame
