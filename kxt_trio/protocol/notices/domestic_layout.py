"""Where a domestic stock notice keeps what.

Fields 0 to 17 stand in the same place in every layout; what follows them does not:

.. code-block:: text

    fields   layout   where                          [18] onward
    26 ...   real     real accounts since 2025-03    trigger price, exchange, popup, filler,
                                                     credit, loan date, name, order price
    23       packed   paper accounts since 2025-07   the first four run together as "1Y",
                                                     credit, loan date, name, order price
    23       old      before 2025-03                 short name,
                                                     credit, loan date, name, order price

The real layout is the portal sheet's; the other two are in genuine captures.  The broker
appends columns at the end without notice, so more than 26 are read as 26.  A record of
any other width gives what fields 0 to 17 hold, and no tail.
"""

from __future__ import annotations

import re
from decimal import Decimal
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from kxt_trio.models import Venue

from .fields import limit_price

__all__ = ["PREFIX_WIDTH", "Field", "Tail", "read_tail"]


class Field(IntEnum):
    """The places that all layouts share."""

    CUST_ID = 0
    ACNT_NO = 1
    ODER_NO = 2
    OODER_NO = 3
    SELN_BYOV_CLS = 4
    RCTF_CLS = 5
    ODER_KIND = 6
    ODER_COND = 7
    STCK_SHRN_ISCD = 8
    CNTG_QTY = 9
    CNTG_UNPR = 10
    STCK_CNTG_HOUR = 11
    RFUS_YN = 12
    CNTG_YN = 13
    ACPT_YN = 14
    BRNC_NO = 15
    ODER_QTY = 16
    ACNT_NAME = 17


class _Real(IntEnum):
    """Places in the tail of a real account's record."""

    ORD_EXG_GB = 19
    CNTG_ISNM40 = 24
    ODER_PRC = 25


class _Short(IntEnum):
    """Places in the tail of the packed and the old layout."""

    PACKED = 18
    CNTG_ISNM40 = 21
    ODER_PRC = 22


#: Fields that stand in the same place in every layout.
PREFIX_WIDTH = len(Field)

_REAL_WIDTH = 26
_SHORT_WIDTH = 23
_VENUES = {"1": Venue.KRX, "2": Venue.NXT, "3": Venue.SOR_KRX, "4": Venue.SOR_NXT}


class Tail(NamedTuple):
    """What the layouts keep in different places."""

    venue: Venue | str | None
    name: str | None
    order_price: Decimal | None


def read_tail(fields: list[str]) -> Tail:
    """Read what a record of this width has after the common fields."""
    if len(fields) >= _REAL_WIDTH:
        exchange = fields[_Real.ORD_EXG_GB]
        return Tail(
            _VENUES.get(exchange, exchange) or None,
            fields[_Real.CNTG_ISNM40].strip() or None,
            limit_price(fields, _Real.ODER_PRC),
        )
    if len(fields) == _SHORT_WIDTH:
        return Tail(
            _packed_venue(fields[_Short.PACKED]),
            fields[_Short.CNTG_ISNM40].strip() or None,
            limit_price(fields, _Short.ODER_PRC),
        )
    return Tail(None, None, None)


# Trigger price (9), exchange (1), popup (1) and filler (3) without separators, in the
# slot that held a 14-byte name in the old layout; a name does not match.
_PACKED = re.compile(r"[0-9]{0,9}\s*([1-4])[YN]\s*")


@lru_cache(maxsize=256)
def _packed_venue(slot: str) -> Venue | None:
    match = _PACKED.fullmatch(slot)
    return _VENUES[match[1]] if match else None
