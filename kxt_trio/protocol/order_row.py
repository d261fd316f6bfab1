"""One order as the daily inquiry reports it: what was asked for and what came of it.

Identity and totals must be readable, or the row is refused.  The rest stands beside the
point of a recovery and must not cost one: what cannot be read of it is None.

A day can have ten thousand orders and is listed again and again, so a row is read field
by field, without a converter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

import attrs

from kxt_trio.errors import KXTProtocolError
from kxt_trio.models import KST, Side, Venue

from .structure import is_object

__all__ = ["OrderRow", "is_blank_row", "order_number", "read_order_row", "shares_of"]

_NUMBER_WIDTH = 10
_SIDES = {"01": Side.SELL, "02": Side.BUY}
_VENUES: Mapping[str, Venue] = {venue.value: venue for venue in Venue}
_LONGEST = 24
# Seen with and without decimals, and with leading zeros.
_AMOUNT = re.compile(r"[0-9]{1,24}(?:\.[0-9]{1,12})?")


@attrs.frozen(kw_only=True)
class OrderRow:
    """The broker's totals of one order.

    Attributes:
        trade_date: The order's date in Korea; numbers repeat every day.
        order_id: Ten digits, padded as in a notice.
        original_order_id: The order that this one amends or cancels.
        symbol: Short code; blank where the broker left it so.
        name: What the broker calls it.
        side: Buy or sell; a code that is in no table stays text.
        order_quantity: Shares ordered.
        order_price: Limit in won; None for a market order.
        filled_quantity: Shares executed, in all.
        filled_amount: Won they cost, in all, exactly.  The broker's average is rounded
            and not read.
        cancelled: The row is a cancellation, or the order was cancelled.
        cancelled_quantity: Shares taken off the book.
        remaining_quantity: Shares that can still be filled.
        rejected_quantity: Shares refused.
        ordered_at: When it was entered, broker time.
        venue: Exchange; a code that is in no table, ``"SOR"`` among them, stays text.
    """

    trade_date: date
    order_id: str
    original_order_id: str | None
    symbol: str
    name: str | None
    side: Side | str | None
    order_quantity: int | None
    order_price: Decimal | None
    filled_quantity: int
    filled_amount: Decimal
    cancelled: bool
    cancelled_quantity: int | None
    remaining_quantity: int | None
    rejected_quantity: int | None
    ordered_at: datetime | None
    venue: Venue | str | None

    @property
    def finished(self) -> bool:
        """Nothing is left to fill, and the row says where every share went.

        Rows that say the one without the other have been seen, and were wrong.
        """
        if self.remaining_quantity != 0 or self.order_quantity is None:
            return False
        gone = (self.cancelled_quantity or 0) + (self.rejected_quantity or 0)
        return self.filled_quantity + gone >= self.order_quantity


def read_order_row(value: object, what: str) -> OrderRow:
    """Read one element of ``output1``.

    Args:
        value: The decoded JSON.
        what: Which row it is, for the message.

    Raises:
        KXTProtocolError: identity or totals cannot be read, or more is filled than was
            ordered; names the field.
    """
    if not is_object(value):
        raise KXTProtocolError(f"{what}: not an object")
    if "odno" not in value:
        value = {name.lower(): field for name, field in value.items()}
    trade_date = _day(_text(value, "ord_dt"))
    if trade_date is None:
        raise _unreadable(what, "ord_dt", "a date as YYYYMMDD")
    order_id = order_number(_text(value, "odno"))
    if order_id is None:
        raise _unreadable(what, "odno", "an order number")
    filled = _shares(_text(value, "tot_ccld_qty"))
    if filled is None:
        raise _unreadable(what, "tot_ccld_qty", "a whole number")
    amount = _amount(_text(value, "tot_ccld_amt"))
    if amount is None:
        raise _unreadable(what, "tot_ccld_amt", "a number")
    ordered = _shares(_text(value, "ord_qty"))
    if ordered is not None and filled > ordered:
        raise _unreadable(what, "tot_ccld_qty", "a part of ord_qty")
    side = _text(value, "sll_buy_dvsn_cd")
    # One name has a capital in the official sheet, and not everywhere.
    venue = _text(value, "excg_id_dvsn_Cd") or _text(value, "excg_id_dvsn_cd")
    return OrderRow(
        trade_date=trade_date,
        order_id=order_id,
        original_order_id=_original(_text(value, "orgn_odno"), order_id),
        symbol=_text(value, "pdno"),
        name=_text(value, "prdt_name") or None,
        side=_SIDES.get(side, side) or None,
        order_quantity=ordered,
        order_price=_amount(_text(value, "ord_unpr")) or None,
        filled_quantity=filled,
        filled_amount=amount,
        cancelled=_text(value, "cncl_yn").upper() == "Y",
        cancelled_quantity=_shares(
            _text(value, "cnc_cfrm_qty") or _text(value, "cncl_cfrm_qty")
        ),
        remaining_quantity=_shares(_text(value, "rmn_qty")),
        rejected_quantity=_shares(_text(value, "rjct_qty")),
        ordered_at=_moment(trade_date, _text(value, "ord_tmd")),
        venue=_VENUES.get(venue, venue) or None,
    )


def is_blank_row(value: object) -> bool:
    """Whether it names no order and says that nothing was filled: of no use, and no loss."""
    return (
        is_object(value)
        and not _text(value, "odno").strip("0")
        and shares_of(value.get("tot_ccld_qty")) == 0
    )


def shares_of(value: object) -> int | None:
    """Return a whole number that is not below zero; None if it is none."""
    return _shares(_text({"": value}, ""))


def order_number(text: str) -> str | None:
    """Return an order number in its ten-digit form; None if it is none."""
    digits = text.strip().lstrip("0")
    if not _is_digits(digits) or len(digits) > _NUMBER_WIDTH:
        return None
    return digits.zfill(_NUMBER_WIDTH)


def _unreadable(what: str, name: str, expected: str) -> KXTProtocolError:
    return KXTProtocolError(f"{what}: {name} is not {expected}")


def _text(fields: Mapping[str, object], name: str) -> str:
    """A field without the blanks around it; blank if it is missing or no text."""
    value = fields.get(name)
    if isinstance(value, str):
        return "" if value == "(null)" else value.strip()
    if isinstance(value, int) and not isinstance(value, bool):  # some servers do not quote
        return str(value)
    return ""


def _original(text: str, order_id: str) -> str | None:
    # Empty on a new order; zeros, or the order's own number, in other sheets.
    number = order_number(text)
    return None if number == order_id else number


def _amount(text: str) -> Decimal | None:
    return Decimal(text) if _AMOUNT.fullmatch(text) else None


def _shares(text: str) -> int | None:
    if _is_digits(text):  # nearly always
        return int(text) if len(text) <= _LONGEST else None
    amount = _amount(text)
    return None if amount is None or amount % 1 else int(amount)


@lru_cache(maxsize=128)
def _day(text: str) -> date | None:
    if len(text) != len("YYYYMMDD") or not _is_digits(text):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _moment(day: date, text: str) -> datetime | None:
    if len(text) != len("HHMMSS") or not _is_digits(text):
        return None
    try:
        return datetime(
            day.year,
            day.month,
            day.day,
            int(text[:2]),
            int(text[2:4]),
            int(text[4:]),
            tzinfo=KST,
        )
    except ValueError:
        return None


def _is_digits(text: str) -> bool:
    # isdigit() alone takes other scripts' digits.
    return text.isascii() and text.isdigit()
