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
from collections.abc import Callable
from operator import itemgetter
from typing import Any, TypeAlias

from kxt_trio.models import Venue

from .fields import Place

__all__ = ["PREFIX_WIDTH", "Field", "Header", "header_of", "venue_of"]


class Field:
    """The places that all layouts share."""

    CUST_ID = Place(0)
    ACNT_NO = Place(1)
    ODER_NO = Place(2)
    OODER_NO = Place(3)
    SELN_BYOV_CLS = Place(4)
    RCTF_CLS = Place(5)
    ODER_KIND = Place(6)
    ODER_COND = Place(7)
    STCK_SHRN_ISCD = Place(8)
    CNTG_QTY = Place(9)
    CNTG_UNPR = Place(10)
    STCK_CNTG_HOUR = Place(11)
    RFUS_YN = Place(12)
    CNTG_YN = Place(13)
    ACPT_YN = Place(14)
    BRNC_NO = Place(15)
    ODER_QTY = Place(16)
    ACNT_NAME = Place(17)


class _Real:
    """Places in the tail of a real account's record."""

    ORD_EXG_GB = Place(19)
    CNTG_ISNM40 = Place(24)
    ODER_PRC = Place(25)


class _Short:
    """Places in the tail of the packed and the old layout."""

    PACKED = Place(18)
    CNTG_ISNM40 = Place(21)
    ODER_PRC = Place(22)


#: Fields that stand in the same place in every layout.
PREFIX_WIDTH = Field.ACNT_NAME + 1

_REAL_WIDTH = 26
_SHORT_WIDTH = 23
_VENUES = {"1": Venue.KRX, "2": Venue.NXT, "3": Venue.SOR_KRX, "4": Venue.SOR_NXT}

# Trigger price (9), exchange (1), popup (1) and filler (3) without separators, in the
# slot that held a 14-byte name in the old layout; a name does not match.
_PACKED = re.compile(r"[0-9]{0,9}\s*([1-4])[YN]\s*")


#: What all notices of a kind about one order have in common: ``RFUS_YN, CNTG_YN, ACPT_YN,
#: RCTF_CLS``; ``ACNT_NO, ODER_NO, OODER_NO, SELN_BYOV_CLS, STCK_SHRN_ISCD, ODER_QTY``; the
#: name of the instrument, the price and the exchange; empty what a layout lacks.
Header: TypeAlias = tuple[str, str, str, str, str, str, str, str, str, str, str, str, str]

_PREFIX = (
    Field.RFUS_YN,
    Field.CNTG_YN,
    Field.ACPT_YN,
    Field.RCTF_CLS,
    Field.ACNT_NO,
    Field.ODER_NO,
    Field.OODER_NO,
    Field.SELN_BYOV_CLS,
    Field.STCK_SHRN_ISCD,
    Field.ODER_QTY,
)
_take_prefix: Callable[[list[str]], Any] = itemgetter(*_PREFIX)
_take_real: Callable[[list[str]], Any] = itemgetter(
    *_PREFIX, _Real.CNTG_ISNM40, _Real.ODER_PRC, _Real.ORD_EXG_GB
)
_take_short: Callable[[list[str]], Any] = itemgetter(
    *_PREFIX, _Short.CNTG_ISNM40, _Short.ODER_PRC
)


def header_of(fields: list[str]) -> Header:
    """Return what the record is of, from wherever this layout has it."""
    width = len(fields)
    if width >= _REAL_WIDTH:
        found: Header = _take_real(fields)
        return found
    if width == _SHORT_WIDTH:
        return (*_take_short(fields), _packed_exchange(fields[_Short.PACKED]))
    return (*_take_prefix(fields), "", "", "")


def venue_of(exchange: str) -> Venue | str | None:
    """Read the exchange's code; one that is not known stays the text it is."""
    return _VENUES.get(exchange, exchange) or None


def _packed_exchange(slot: str) -> str:
    packed = _PACKED.fullmatch(slot)
    return packed[1] if packed else ""
