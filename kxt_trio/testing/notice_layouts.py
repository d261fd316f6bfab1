"""A notice as the broker writes it: fields joined by ``^``, in three layouts.

The values follow genuine captures of H0STCNI9 and the portal's examples of H0STCNI0:
zero padding, an empty original number on new orders, order type ``00`` on every fill, the
order's price on fills only.  A real account's 26 fields are known by name and count
alone; nobody has published one.
"""

from __future__ import annotations

from enum import StrEnum

from kxt_trio.models import OrderAction, Side, Venue
from kxt_trio.settings import Environment

from .orders import Notice, NoticeKind

__all__ = ["SYMBOL_NAMES", "Layout", "plaintext_of", "symbol_name"]


class Layout(StrEnum):
    """How a notice ends; fields 0 to 17 are the same in all."""

    #: 26 fields: real accounts since March 2025.
    REAL = "real"
    #: 23 fields, four of them packed into one: paper accounts since July 2025.
    PACKED = "packed"
    #: 23 fields without a venue: everything older.
    OLD = "old"

    @classmethod
    def of(cls, environment: Environment) -> Layout:
        """Return the layout in use there today."""
        return cls.REAL if environment is Environment.REAL else cls.PACKED


#: Names of some well known symbols, as the broker writes them.
SYMBOL_NAMES = {
    "000660": "SK하이닉스",
    "005380": "현대차",
    "005930": "삼성전자",
    "032350": "롯데관광개발",
    "035420": "NAVER",
    "035720": "카카오",
    "069500": "KODEX200",
    "472150": "TIGER 배당커버드콜액티브",
}

_HOLDER = "홍길동"
_BRANCH = "00950"
_CASH = "10"
_POPUP = "Y"
_NO_PRODUCT_CODE = "01"
_FILL_ORDER_TYPE = "00"
_SIDES = {Side.SELL: "01", Side.BUY: "02"}
_ACTIONS = {OrderAction.NEW: "0", OrderAction.AMEND: "1", OrderAction.CANCEL: "2"}
_VENUES = {Venue.KRX: "1", Venue.NXT: "2", Venue.SOR_KRX: "3", Venue.SOR_NXT: "4"}
_IOC = frozenset({"11", "13", "15", "23"})
_FOK = frozenset({"12", "14", "16", "24"})


def plaintext_of(notice: Notice, *, hts_id: str, layout: Layout) -> str:
    """Return the record, as it is before encryption."""
    order = notice.order
    filled = notice.kind is NoticeKind.FILLED
    return "^".join(
        [
            hts_id,
            order.account.account_id + (order.account.product_code or _NO_PRODUCT_CODE),
            order.order_id,
            "" if filled or order.original is None else order.original.order_id,
            _SIDES[order.side],
            "0" if filled else _ACTIONS[order.action],
            _FILL_ORDER_TYPE if filled else order.order_type,
            _condition(order.order_type),
            order.symbol,
            f"{notice.quantity:010d}",
            f"{notice.price:09d}",
            notice.moment.wall.strftime("%H%M%S"),
            *notice.kind.value,
            _BRANCH,
            f"{order.quantity:09d}",
            _HOLDER,
            *_tail(notice, layout),
        ]
    )


def symbol_name(symbol: str) -> str:
    """Return a name for every symbol, made up where it is not a known one."""
    return SYMBOL_NAMES.get(symbol, f"종목{symbol}")


def _tail(notice: Notice, layout: Layout) -> list[str]:
    order = notice.order
    name = symbol_name(order.symbol)
    venue = _VENUES[order.venue]
    head = {
        Layout.REAL: ["", venue, _POPUP, ""],
        Layout.PACKED: [venue + _POPUP],
        Layout.OLD: [_cut(name, 14)],
    }[layout]
    order_price = f"{order.price:09d}" if notice.kind is NoticeKind.FILLED else ""
    return [*head, _CASH, "", _cut(name, 40), order_price]


def _condition(order_type: str) -> str:
    return "1" if order_type in _IOC else "2" if order_type in _FOK else "0"


def _cut(name: str, width: int) -> str:
    # The widths count the bytes of the Korean code page: a syllable is two.
    return name.encode("cp949", "replace")[:width].decode("cp949", "ignore")
