"""The fills that every contestant gets, and how the broker writes each of them.

Standard library only: clients import this too, each in an environment of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

HTS_ID = "htsuser1"
ACCOUNT_NO = "12345678"
PRODUCT_CODE = "01"
APP_KEY = "PS" + "b" * 34
APP_SECRET = "s" * 180
TR_ID = "H0STCNI0"

#: Layouts that a client may be able to read.
REAL, PLAIN, OLD = "real", "plain", "old"

#: An order of 1000 shares is filled in 50 parts, one of ``cycles`` thousand in as many more.
PARTS = (5, 10, 15, 20, 50, 30, 25, 20, 15, 10) * 5

#: So many orders are filled at the same time.
_AT_ONCE = 8

#: Code, name, price, tick.
_SYMBOLS = (
    ("005930", "삼성전자", 69_900, 100),
    ("000660", "SK하이닉스", 251_000, 500),
    ("035420", "NAVER", 214_500, 500),
    ("035720", "카카오", 41_250, 50),
    ("005380", "현대차", 239_000, 500),
    ("069500", "KODEX200", 43_295, 5),
    ("032350", "롯데관광개발", 8_130, 10),
    ("472150", "TIGER 배당커버드콜액티브", 12_400, 5),
)


@dataclass(frozen=True, slots=True)
class Order:
    """An order; everything about it follows from its place."""

    place: int
    cycles: int = 1

    @property
    def shares(self) -> int:
        return sum(PARTS) * self.cycles

    @property
    def order_id(self) -> str:
        return f"{self.place + 101:010d}"

    @property
    def symbol(self) -> str:
        return _SYMBOLS[self.place % len(_SYMBOLS)][0]

    @property
    def name(self) -> str:
        return _SYMBOLS[self.place % len(_SYMBOLS)][1]

    @property
    def price(self) -> int:
        return _SYMBOLS[self.place % len(_SYMBOLS)][2]

    @property
    def tick(self) -> int:
        return _SYMBOLS[self.place % len(_SYMBOLS)][3]

    @property
    def side(self) -> str:
        return "02" if self.place % 3 else "01"


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution."""

    order: Order
    quantity: int
    price: int


def fill_at(index: int, cycles: int = 1) -> Fill:
    """Return the fill with this number; the same in every run."""
    group, rest = divmod(index, _AT_ONCE * len(PARTS) * cycles)
    part, lane = divmod(rest, _AT_ONCE)
    order = Order(group * _AT_ONCE + lane, cycles)
    price = order.price + order.tick * ((index * 7 + part) % 20 - 10)
    return Fill(order, PARTS[part % len(PARTS)], price)


def shares(fills: int, cycles: int = 1) -> int:
    """Return how many shares the first ``fills`` fills have."""
    return sum(fill_at(index, cycles).quantity for index in range(fills))


def record(fill: Fill, layout: str, clock: str) -> str:
    """Return the plain text of the notice; ``clock`` is HHMMSS in Korea."""
    order = fill.order
    head = [
        HTS_ID,
        ACCOUNT_NO + PRODUCT_CODE,
        order.order_id,
        "",
        order.side,
        "0",
        "00",
        "0",
        order.symbol,
        f"{fill.quantity:010d}",
        f"{fill.price:09d}",
        clock,
        "0",
        "2",
        "2",
        "00950",
        f"{order.shares:09d}",
        "홍길동",
    ]
    middle = [order.name[:7]] if layout == OLD else ["", "1", "Y", ""]
    return "^".join([*head, *middle, "10", "", order.name, f"{order.price:09d}"])
