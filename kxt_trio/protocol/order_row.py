"""One order as the daily inquiry reports it: what was asked for and what came of it.

Identity and totals must be readable, or the row is refused.  The rest stands beside the
point of a recovery and must not cost one: what cannot be read of it is None.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

import attrs

from kxt_trio.errors import KXTProtocolError
from kxt_trio.models import KST, Side, Venue
from kxt_trio.models.codes import known

from .structure import is_object, read_object

__all__ = ["OrderRow", "order_number", "read_order_row"]

_NUMBER_WIDTH = 10
_SIDES = {"01": Side.SELL, "02": Side.BUY}
# Seen with and without decimals, and with leading zeros.
_AMOUNT = re.compile(r"[0-9]{1,24}(?:\.[0-9]{1,12})?")


@attrs.frozen(kw_only=True)
class OrderRow:
    """The broker's totals of one order.

    Attributes:
        trade_date: The order's date in Korea; numbers repeat every day.
        order_id: Ten digits, padded as in a notice.
        original_order_id: The order that this one amends or cancels.
        symbol: Short code.
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


def read_order_row(value: object, what: str) -> OrderRow:
    """Read one element of ``output1``.

    Args:
        value: The decoded JSON.
        what: Which row it is, for the message.

    Raises:
        KXTProtocolError: identity or totals cannot be read; names the field.
    """
    if is_object(value):
        with suppress(KXTProtocolError, TypeError):  # a bad row is read again, to say which
            return _read_once(tuple(value.items()))
    return _read(value, what)


# An audit lists the whole day every time, and most of its orders have not moved.
@lru_cache(maxsize=1024)
def _read_once(fields: tuple[tuple[str, object], ...]) -> OrderRow:
    return _read(dict(fields), "row")


def _read(value: object, what: str) -> OrderRow:
    if is_object(value):  # one name has a capital in the official sheet: excg_id_dvsn_Cd
        value = {name.lower(): field for name, field in value.items()}
    raw = read_object(value, _Raw, what)
    read = _Reader(what)
    trade_date = read.trade_date("ord_dt", raw.ord_dt)
    order_id = read.number("odno", raw.odno)
    side = (raw.sll_buy_dvsn_cd or "").strip()
    return OrderRow(
        trade_date=trade_date,
        order_id=order_id,
        original_order_id=_original(raw.orgn_odno, order_id),
        symbol=read.text("pdno", raw.pdno),
        name=(raw.prdt_name or "").strip() or None,
        side=_SIDES.get(side, side) or None,
        order_quantity=_shares(raw.ord_qty),
        order_price=_amount(raw.ord_unpr) or None,
        filled_quantity=read.shares("tot_ccld_qty", raw.tot_ccld_qty),
        filled_amount=read.amount("tot_ccld_amt", raw.tot_ccld_amt),
        cancelled=(raw.cncl_yn or "").strip().upper() == "Y",
        cancelled_quantity=_shares(raw.cnc_cfrm_qty or raw.cncl_cfrm_qty),
        remaining_quantity=_shares(raw.rmn_qty),
        rejected_quantity=_shares(raw.rjct_qty),
        ordered_at=_moment(trade_date, raw.ord_tmd),
        venue=known(Venue, (raw.excg_id_dvsn_cd or "").strip()) or None,
    )


def order_number(text: str) -> str | None:
    """Return an order number in its ten-digit form; None if it is none."""
    digits = text.strip().lstrip("0")
    if not _is_digits(digits) or len(digits) > _NUMBER_WIDTH:
        return None
    return digits.zfill(_NUMBER_WIDTH)


@attrs.frozen
class _Reader:
    """Reads what must be readable."""

    what: str

    def number(self, name: str, text: str) -> str:
        number = order_number(text)
        if number is None:
            raise self._unreadable(name, "an order number")
        return number

    def text(self, name: str, text: str) -> str:
        if not text.strip():
            raise self._unreadable(name, "a text")
        return text.strip()

    def shares(self, name: str, text: str) -> int:
        shares = _shares(text)
        if shares is None:
            raise self._unreadable(name, "a whole number")
        return shares

    def amount(self, name: str, text: str) -> Decimal:
        amount = _amount(text)
        if amount is None:
            raise self._unreadable(name, "a number")
        return amount

    def trade_date(self, name: str, text: str) -> date:
        day = _stamp(text, "%Y%m%d", 8)
        if day is None:
            raise self._unreadable(name, "a date as YYYYMMDD")
        return day.date()

    def _unreadable(self, name: str, expected: str) -> KXTProtocolError:
        return KXTProtocolError(f"{self.what}: {name} is not {expected}")


def _original(text: str | None, order_id: str) -> str | None:
    # Empty on a new order; zeros, or the order's own number, in other sheets.
    number = order_number(text or "")
    return None if number == order_id else number


def _amount(text: str | None) -> Decimal | None:
    stripped = (text or "").strip()
    return Decimal(stripped) if _AMOUNT.fullmatch(stripped) else None


def _shares(text: str | None) -> int | None:
    amount = _amount(text)
    return None if amount is None or amount % 1 else int(amount)


def _moment(day: date, text: str | None) -> datetime | None:
    time_of_day = _stamp(text or "", "%H%M%S", 6)
    return None if time_of_day is None else datetime.combine(day, time_of_day.timetz())


@lru_cache(maxsize=1024)
def _stamp(text: str, form: str, width: int) -> datetime | None:
    # strptime alone takes fewer digits, too, and shares them out as it likes.
    stripped = text.strip()
    if len(stripped) != width or not _is_digits(stripped):
        return None
    try:
        return datetime.strptime(stripped, form).replace(tzinfo=KST)
    except ValueError:
        return None


def _is_digits(text: str) -> bool:
    # isdigit() alone takes other scripts' digits.
    return text.isascii() and text.isdigit()


@attrs.frozen
class _Raw:
    ord_dt: str
    odno: str
    pdno: str
    tot_ccld_qty: str
    tot_ccld_amt: str
    orgn_odno: str | None = None
    prdt_name: str | None = None
    sll_buy_dvsn_cd: str | None = None
    ord_qty: str | None = None
    ord_unpr: str | None = None
    ord_tmd: str | None = None
    cncl_yn: str | None = None
    cnc_cfrm_qty: str | None = None
    cncl_cfrm_qty: str | None = None
    rmn_qty: str | None = None
    rjct_qty: str | None = None
    excg_id_dvsn_cd: str | None = None
