"""Code tables of the domestic notices as enums.

The members are the broker's official tables (portal sheet of H0STCNI0).  A code that
is in no table is kept as the text that came, never an error: see :func:`known`.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import TypeVar

__all__ = [
    "CancelReason",
    "FillOrigin",
    "OrderAction",
    "OrderType",
    "Side",
    "TimeInForce",
    "Venue",
    "known",
]


class Side(StrEnum):
    """Which way an order goes (FIX Side)."""

    BUY = "buy"
    SELL = "sell"


class OrderAction(StrEnum):
    """What the notice's order asked for: a new order, or a change of an older one."""

    NEW = "new"
    AMEND = "amend"
    CANCEL = "cancel"


class CancelReason(StrEnum):
    """Why quantity was taken off the book."""

    #: Somebody cancelled the order.
    REQUESTED = "requested"
    #: The unfilled rest of an immediate-or-cancel or fill-or-kill order lapsed.
    UNFILLED_REMAINDER = "unfilled_remainder"


class FillOrigin(StrEnum):
    """How a fill became known."""

    #: The broker's realtime notice.
    LIVE = "live"
    #: The difference to the broker's own totals, found afterwards.
    RECOVERED = "recovered"


class TimeInForce(StrEnum):
    """How long an order stands (FIX TimeInForce)."""

    DAY = "day"
    IOC = "ioc"
    FOK = "fok"


class Venue(StrEnum):
    """Where the order was sent: an exchange, or the smart order router to one."""

    KRX = "KRX"
    NXT = "NXT"
    SOR_KRX = "SOR-KRX"
    SOR_NXT = "SOR-NXT"


class OrderType(StrEnum):
    """The broker's order types (호가유형); values are the two-digit codes.

    Taken from acceptances only: on a fill the broker always writes ``00``.
    """

    LIMIT = "00"
    MARKET = "01"
    CONDITIONAL_LIMIT = "02"
    BEST_OPPOSITE = "03"
    BEST_OWN = "04"
    PRE_OPEN_OFF_HOURS = "05"
    POST_CLOSE_OFF_HOURS = "06"
    OFF_HOURS_SINGLE_PRICE = "07"
    TREASURY_STOCK = "08"
    TREASURY_STOCK_OPTION = "09"
    TREASURY_TRUST = "10"
    LIMIT_IOC = "11"
    LIMIT_FOK = "12"
    MARKET_IOC = "13"
    MARKET_FOK = "14"
    BEST_IOC = "15"
    BEST_FOK = "16"
    MIDPOINT = "21"
    STOP_LIMIT = "22"
    MIDPOINT_IOC = "23"
    MIDPOINT_FOK = "24"


_E = TypeVar("_E", bound=Enum)


def known(enum: type[_E], code: str) -> _E | str:
    """Return the member of ``enum`` with this value, or the code itself as text."""
    try:
        return enum(code)
    except ValueError:
        return code
