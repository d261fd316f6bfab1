"""What goes over the wire: notices enciphered and framed ahead of time, replies, frames."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from Crypto.Cipher import AES
from Crypto.Util.Padding import pad
from fills import HTS_ID, PLAIN, TR_ID, fill_at, record

KST = timezone(timedelta(hours=9))
KEY = "abcdefghijklmnopqrstuvwxyzabcdef"
IV = "0123456789abcdef"

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
_FINAL = 0x80
_MASKED = 0x80
_SHORT, _LONG, _HUGE = 125, 126, 127
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_RECEIVE = 64 * 1024


def notice(index: int, layout: str, at: datetime, cycles: int = 1) -> str:
    """Return the text of one data frame."""
    text = record(fill_at(index, cycles), layout, f"{at:%H%M%S}")
    if layout == PLAIN:
        return f"0|{TR_ID}|001|{text}"
    cipher = AES.new(KEY.encode(), AES.MODE_CBC, IV.encode())
    body = base64.b64encode(cipher.encrypt(pad(text.encode(), AES.block_size)))
    return f"1|{TR_ID}|001|{body.decode()}"


def notices(
    count: int, layout: str, first_at: datetime, rate: float | None, cycles: int = 1
) -> Iterator[str]:
    """Yield ``count`` notices that are executed at ``rate`` a second, or all at once."""
    for index in range(count):
        delay = index / rate if rate else 0.0
        yield notice(index, layout, first_at + timedelta(seconds=delay), cycles)


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return a websocket frame as a server sends it."""
    size = len(payload)
    if size <= _SHORT:
        return bytes((_FINAL | opcode, size)) + payload
    if size < 1 << 16:
        return bytes((_FINAL | opcode, _LONG)) + struct.pack(">H", size) + payload
    return bytes((_FINAL | opcode, _HUGE)) + struct.pack(">Q", size) + payload


def accept_key(key: str) -> str:
    """Return what a server answers to ``Sec-WebSocket-Key``."""
    return base64.b64encode(hashlib.sha1(f"{key}{_GUID}".encode()).digest()).decode()


def reply(request: dict[str, Any]) -> str:
    """Return the success that follows a request to subscribe or to release."""
    tr_id = request["body"]["input"]["tr_id"]
    body: dict[str, Any] = {
        "rt_cd": "0",
        "msg_cd": "OPSP0000",
        "msg1": "SUBSCRIBE SUCCESS",
        "output": {"iv": IV, "key": KEY},
    }
    if request["header"]["tr_type"] == "2":
        body = {"rt_cd": "0", "msg_cd": "OPSP0001", "msg1": "UNSUBSCRIBE SUCCESS"}
    header = {"tr_id": tr_id, "tr_key": HTS_ID, "encrypt": "N"}
    return json.dumps({"header": header, "body": body})


def pingpong() -> str:
    """Return the broker's own heartbeat, of this second."""
    header = {"tr_id": "PINGPONG", "datetime": f"{datetime.now(KST):%Y%m%d%H%M%S}"}
    return json.dumps({"header": header}, separators=(",", ":"))


@dataclass
class Incoming:
    """Bytes that a client sends, cut where they want to be cut."""

    connection: socket.socket
    buffer: bytearray

    def take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            self._more()
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken

    def take_head(self) -> str:
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        return self.take(self.buffer.index(b"\r\n\r\n") + 4).decode("latin-1")

    def take_frame(self) -> tuple[int, bytes]:
        first, second = self.take(2)
        size = second & ~_MASKED
        if size == _LONG:
            (size,) = struct.unpack(">H", self.take(2))
        elif size == _HUGE:
            (size,) = struct.unpack(">Q", self.take(8))
        mask = self.take(4) if second & _MASKED else bytes(4)
        payload = self.take(size)
        return first & 0xF, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))

    def _more(self) -> None:
        data = self.connection.recv(_RECEIVE)
        if not data:
            raise ConnectionError("the client is gone")
        self.buffer += data
