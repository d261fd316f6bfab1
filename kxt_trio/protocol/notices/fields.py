"""How a single field of a notice is read, whatever the market.

Every reader takes the field's text and its place in the record, which bears the wire's
name.  An error names the place and what was expected there, never what was found.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache

from kxt_trio.errors import KXTProtocolError
from kxt_trio.models import KST, AccountSummary

__all__ = [
    "Place",
    "account",
    "limit_price",
    "number",
    "number_or_none",
    "occurred_at",
    "order_number",
    "original_order_number",
    "positive_number",
    "symbol",
    "unreadable_field",
]

_ACCOUNT = 8
_ACCOUNT_WITH_PRODUCT = 10
_TIME_OF_DAY = 6
_DAY = timedelta(days=1)
_HALF_A_DAY = timedelta(hours=12)


class Place(int):
    """Where a field stands in a record; takes its wire's name from where it is defined.

    Not an :class:`~enum.IntEnum`, which makes a call of each look at a member (3.11).
    """

    name: str

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name


def unreadable_field(at: Place, expected: str) -> KXTProtocolError:
    """Return the error for a field that is not what it should be."""
    return KXTProtocolError(f"notice field {at.name} [{at:d}]: expected {expected}")


def number(text: str, at: Place) -> Decimal:
    """Read a whole number; zero padding is dropped."""
    value = _whole_number(text)
    if value is None:
        raise unreadable_field(at, "digits")
    return value


def positive_number(text: str, at: Place) -> Decimal:
    """Read a whole number that cannot be zero."""
    value = _whole_number(text)
    if not value:
        raise unreadable_field(at, "digits" if value is None else "a number above zero")
    return value


def number_or_none(text: str) -> Decimal | None:
    """Read a whole number beside the point of a notice; None for what is not one.

    An order's quantity and price come with a fill but are not the fill: they must not
    cost it.  What was written stays in the event's ``raw``.
    """
    return _whole_number(text)


def limit_price(text: str) -> Decimal | None:
    """Read an order's price: zero, of a market order, and empty are None."""
    return _whole_number(text) or None


def order_number(text: str, at: Place) -> str:
    """Read an order number, which keeps the padding it has on the wire."""
    if not _is_digits(text):
        raise unreadable_field(at, "digits")
    return text


def original_order_number(text: str, at: Place, order_id: str) -> str | None:
    """Read the number of the order that ``order_id`` changes, if it changes one.

    Empty on a new order; an official example has zeros and another repeats the order's
    own number.
    """
    if not text.strip(" 0") or text == order_id:
        return None
    return order_number(text, at)


def account(text: str, at: Place) -> AccountSummary:
    """Read an account: eight digits, and two of the product code on most records."""
    value = _account(text)
    if value is None:
        raise unreadable_field(at, "8 or 10 digits")
    return value


def symbol(text: str, at: Place) -> str:
    """Read a short code, which may be padded with blanks."""
    code = text.strip()
    if not code:
        raise unreadable_field(at, "a short code")
    return code


def occurred_at(text: str, at: Place, received_at: datetime) -> datetime:
    """Read a time of day and give it the date that puts it nearest to its arrival.

    The wire has no date.  Today's would be wrong around midnight, and UTC's until nine
    in the morning.

    Args:
        text: The time, as HHMMSS.
        at: Where it stands.
        received_at: When the record arrived, in KST.
    """
    time_of_day = _time_of_day(text)
    if time_of_day is None:
        raise unreadable_field(at, "a time as HHMMSS")
    moment = datetime.combine(received_at, time_of_day)
    ahead = moment - received_at
    if -_HALF_A_DAY <= ahead <= _HALF_A_DAY:
        return moment
    return moment - _DAY if ahead > _HALF_A_DAY else moment + _DAY


# A day's notices repeat few prices, quantities, accounts and seconds: each is read once.


@lru_cache(maxsize=4096)
def _whole_number(text: str) -> Decimal | None:
    return Decimal(text) if _is_digits(text) else None


@lru_cache(maxsize=64)
def _account(text: str) -> AccountSummary | None:
    if not _is_digits(text) or len(text) not in (_ACCOUNT, _ACCOUNT_WITH_PRODUCT):
        return None
    return AccountSummary(text[:_ACCOUNT], text[_ACCOUNT:] or None)


@lru_cache(maxsize=1024)
def _time_of_day(text: str) -> time | None:
    if len(text) != _TIME_OF_DAY or not _is_digits(text):
        return None
    try:
        return time(int(text[:2]), int(text[2:4]), int(text[4:]), tzinfo=KST)
    except ValueError:
        return None


def _is_digits(text: str) -> bool:
    # isdigit() alone takes other scripts' digits, and Decimal would read them.
    return text.isascii() and text.isdigit()
