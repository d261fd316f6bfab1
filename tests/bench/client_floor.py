"""The least that a fill can cost in Python: AES, a split, one small object; and framing."""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from client_kxt_trio import TOGETHER
from Crypto.Cipher import AES
from meter import finish, prepare, read_frames
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import TextMessage
from wsproto.frame_protocol import FrameProtocol, Opcode

from kxt_trio import KST
from kxt_trio.transport.text_lane import TextLane

_BLOCK = AES.block_size
_READ = 6 * 1024  # bytes that one read of a busy socket brings


class Small:
    """A fill with what nobody can do without."""

    __slots__ = ("at", "order_id", "price", "quantity", "symbol")

    def __init__(
        self, order_id: str, symbol: str, price: Decimal, quantity: Decimal, at: datetime
    ) -> None:
        self.order_id = order_id
        self.symbol = symbol
        self.price = price
        self.quantity = quantity
        self.at = at


def decipherer(key: bytes, iv: bytes) -> Callable[[list[str]], list[str]]:
    """One CBC object for all that came together, the vector before each: the fastest known."""
    decrypt = AES.new(key, AES.MODE_CBC, iv).decrypt

    def decipher(texts: list[str]) -> list[str]:
        pieces = [iv + base64.b64decode(text[text.rindex("|") + 1 :]) for text in texts]
        plain, end, found = decrypt(b"".join(pieces)), 0, []
        for piece in pieces:
            start, end = end + _BLOCK, end + len(piece)
            found.append(plain[start : end - plain[end - 1]].decode())
        return found

    return decipher


def to_object(plain: str) -> Small:
    fields = plain.split("^")
    clock = fields[11]
    at = datetime(2026, 1, 2, int(clock[:2]), int(clock[2:4]), int(clock[4:]), tzinfo=KST)
    return Small(fields[2], fields[8], Decimal(fields[10]), Decimal(fields[9]), at)


def time_each(work: Callable[[Any], Any], items: list[Any]) -> float:
    """Return microseconds per item."""
    start = time.process_time_ns()
    for item in items:
        work(item)
    return (time.process_time_ns() - start) / len(items) / 1000


def in_bytes(frames: list[str]) -> list[bytes]:
    """Return what the reads of a burst bring."""
    sender = FrameProtocol(client=False, extensions=[])
    data = b"".join(
        bytes(sender._serialize_frame(Opcode.TEXT, text.encode())) for text in frames
    )
    return [data[at : at + _READ] for at in range(0, len(data), _READ)]


def time_wsproto(reads: list[bytes]) -> float:
    """Return what wsproto takes to find each message."""
    connection = Connection(ConnectionType.CLIENT)
    found = 0
    start = time.process_time_ns()
    for data in reads:
        connection.receive_data(data)
        found += sum(isinstance(event, TextMessage) for event in connection.events())
    spent = time.process_time_ns() - start
    return spent / max(found, 1) / 1000


def time_lane(reads: list[bytes]) -> float:
    """Return what the short cut past it takes."""
    lane = TextLane(_READ)
    found = 0
    start = time.process_time_ns()
    for data in reads:
        found += len(lane.feed(data)[0])
    return (time.process_time_ns() - start) / max(found, 1) / 1000


def main() -> None:
    spec = prepare()
    keys, frames = read_frames(spec["frames"])
    decipher = decipherer(keys["key"].encode(), keys["iv"].encode())
    together = [frames[at : at + TOGETHER] for at in range(0, len(frames), TOGETHER)]
    plain = [text for texts in together for text in decipher(texts)]
    for item in itertools.islice(plain, spec["warm_up"]):
        to_object(item)
    reads = in_bytes(frames)
    finish(
        {
            "aes_us": time_each(decipher, together) * len(together) / len(frames),
            "object_us": time_each(to_object, plain),
            "wsproto_us": time_wsproto(reads),
            "lane_us": time_lane(reads),
        }
    )


if __name__ == "__main__":
    main()
