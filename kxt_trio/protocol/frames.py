"""The grammar of a data frame.

.. code-block:: text

    frame  = flag "|" tr_id "|" count "|" body
    flag   = "0" plain, "1" encrypted
    count  = number of records, three digits
    body   = plain: count x width fields joined by "^", nothing between the records
             encrypted: base64 of the same, as one text

The width is not on the wire and grows when the broker appends columns, so it is what
the fields divided by the count give.
"""

from __future__ import annotations

from functools import lru_cache

import attrs

from kxt_trio.errors import KXTProtocolError

__all__ = ["FrameHead", "read_data_frame", "split_records"]

_PARTS = 4
_COUNT_DIGITS = 3

# The widest notice has 26 fields (33 overseas).  Two records under a count of 1 are
# wider than this, so the second cannot pass for columns the broker has appended.
_MAX_WIDTH = 40


@attrs.frozen
class FrameHead:
    """What a data frame says before its body."""

    encrypted: bool
    tr_id: str
    count: int


def read_data_frame(text: str) -> tuple[FrameHead, str]:
    """Return the head of a data frame, and its body as it came, encrypted or not.

    ``encrypted`` follows the leading flag alone: the ``encrypt`` of the reply to the
    subscription says ``N`` for encrypted notices, too (genuine captures).

    Raises:
        KXTProtocolError: a part is missing or is not what it should be; the message
            says which.
    """
    parts = text.split("|", _PARTS - 1)
    if len(parts) != _PARTS:
        raise KXTProtocolError(
            f"data frame: expected {_PARTS} parts between '|', got {len(parts)}"
        )
    flag, tr_id, count, body = parts
    return _read_head(flag, tr_id, count), body


@lru_cache(maxsize=64)
def _read_head(flag: str, tr_id: str, count: str) -> FrameHead:
    if flag not in ("0", "1"):
        raise KXTProtocolError("data frame: expected the flag 0 or 1 at the start")
    if not tr_id:
        raise KXTProtocolError("data frame: expected a TR id after the flag, got nothing")
    if not (count.isascii() and count.isdigit() and len(count) <= _COUNT_DIGITS):
        raise KXTProtocolError(
            f"data frame: expected a count of up to {_COUNT_DIGITS} digits after the TR id"
        )
    return FrameHead(flag == "1", tr_id, int(count))


def split_records(plaintext: str, count: int) -> list[list[str]]:
    """Cut the plain body of a frame into ``count`` records of equal width.

    Raises:
        KXTProtocolError: the fields do not make ``count`` records.  A wrong count never
            hides a record behind another.
    """
    fields = plaintext.split("^")
    if count == 1 and len(fields) <= _MAX_WIDTH:  # the only count ever seen on a notice
        return [fields]
    if count < 1:
        raise KXTProtocolError("data frame: expected a count of at least 1, got 0")
    width, rest = divmod(len(fields), count)
    if rest:
        raise KXTProtocolError(
            f"data frame: {len(fields)} fields cannot make {count} records of equal width"
        )
    if width > _MAX_WIDTH:
        raise KXTProtocolError(
            f"data frame: {len(fields)} fields are too many for a count of {count}"
        )
    return [fields[start : start + width] for start in range(0, len(fields), width)]
