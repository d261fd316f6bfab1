"""A short cut for whole text messages, past the websocket library.

Nearly all that the broker sends are short text messages in one frame each.  To find one
takes a look at its first two to four bytes; the library takes half the time of a fill for
it.  So such frames are taken out of the stream of bytes here, and whatever else there is
goes to the library untouched, which is the one to judge it.

.. code-block:: text

    what comes                                          where it goes
    --------------------------------------------------  ------------------------------
    a text message in one frame, in UTF-8, not too long  to the consumer, from here
    ping, pong                                           to the library
    anything else: a close, a binary message, a message  to the library, and so does
    in pieces, a mask, a reserved bit, bad UTF-8,        everything after it, texts
    an odd length, a message too long                    included

Messages therefore keep their order: once the library delivers any, it delivers all.  What
is a breach of RFC 6455 is found by the library, as it would be without this module.
"""

from __future__ import annotations

__all__ = ["TextLane"]

_TEXT = 0x81  # FIN, no reserved bit, opcode 1
_WHOLE = (_TEXT, 0x89, 0x8A)  # as are ping and pong
_SHORT = 125
_TWO_BYTES = 126  # the length stands in the next two bytes
_HEAD, _LONG_HEAD = 2, 4


class TextLane:
    """Takes the texts out of what a websocket server sends.  Does no I/O.

    Args:
        max_message_size: Bytes of the longest text to take; a longer one is the
            library's to refuse.
    """

    def __init__(self, max_message_size: int) -> None:
        self._limit = max_message_size
        self._rest = b""
        self.is_over: bool = False

    def feed(self, data: bytes | bytearray) -> tuple[list[str], bytes]:
        """Return the texts in the bytes, and what is for the library, both in order.

        The start of a frame is kept until the rest of it has come.
        """
        texts: list[str] = []
        others: list[bytes] = []
        rest = self._rest + data
        at, end = 0, len(rest)
        while end - at >= _HEAD:
            first, size, begin = rest[at], rest[at + 1], at + _HEAD
            is_odd = size > _SHORT or first not in _WHOLE
            if size == _TWO_BYTES and first == _TEXT:
                if end - at < _LONG_HEAD:
                    break
                size, begin = rest[at + 2] << 8 | rest[at + 3], at + _LONG_HEAD
                is_odd = size <= _SHORT
            if is_odd or size > self._limit:
                self.is_over = True
                break
            stop = begin + size
            if stop > end:
                break
            if first == _TEXT:
                try:
                    texts.append(rest[begin:stop].decode())
                except UnicodeDecodeError:
                    self.is_over = True
                    break
            else:
                others.append(rest[at:stop])
            at = stop
        self._rest = rest[at:]
        if self.is_over:
            others.append(self.end())
        return texts, b"".join(others)

    def end(self) -> bytes:
        """Close the lane; return the bytes that were kept, for the library."""
        self.is_over = True
        rest, self._rest = self._rest, b""
        return rest
