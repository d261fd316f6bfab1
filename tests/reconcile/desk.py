"""A ledger with short words for telling it things."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

from kxt_trio.reconcile.facts import (
    Connected,
    Disconnected,
    Notice,
    Opening,
    OrderKey,
    OrderSeen,
    Page,
    Snapshot,
    SnapshotRow,
    Tick,
    Unreadable,
    kst_date,
)
from kxt_trio.reconcile.findings import Deliver, Finding, NeedSnapshot
from kxt_trio.reconcile.ledger import Ledger
from kxt_trio.reconcile.rules import LedgerPolicy, Rules

from .scenario import TEN_O_CLOCK

__all__ = ["TODAY", "Desk", "key", "row"]

TODAY = kst_date(TEN_O_CLOCK)


def key(number: int | str = 1, day: date = TODAY) -> OrderKey:
    return OrderKey("real", "a1b2", day, str(number))


def row(
    quantity: int, amount: int, number: int = 1, ordered: int | None = 100, day: date = TODAY
) -> SnapshotRow:
    return SnapshotRow(key(number, day), quantity, amount, ordered)


class Desk:
    """D and L are 5 s; monotonic time 0 is ten in the morning."""

    def __init__(
        self,
        *,
        rules: type[Rules] = Rules,
        start: float = TEN_O_CLOCK,
        **policy: Any,
    ) -> None:
        self.policy = LedgerPolicy(**{"replay": "today"} | policy)
        self.ledger = Ledger(self.policy, rules=rules(self.policy))
        self.start = start
        self.all: list[Finding] = []

    def tell(self, fact: Any) -> list[Finding]:
        found = self.ledger.handle(fact)
        self.all += found
        return found

    def open(self, at: float) -> list[Finding]:
        return self.tell(Opening(at, self.start + at))

    def connect(self, at: float) -> list[Finding]:
        return self.tell(Connected(at, self.start + at))

    def disconnect(self, at: float) -> list[Finding]:
        return self.tell(Disconnected(at))

    def unreadable(self, at: float) -> list[Finding]:
        return self.tell(Unreadable(at))

    def order(self, at: float, quantity: int | None = 100, number: int = 1, **more: Any):
        return self.tell(OrderSeen(key(number), at, quantity, **more))

    def fill(
        self,
        at: float,
        quantity: int = 1,
        price: int = 100,
        *,
        executed: float | None = None,
        number: int = 1,
        ordered: int | None = None,
        day: date = TODAY,
    ) -> list[Finding]:
        second = math.floor(self.start + (at if executed is None else executed))
        return self.tell(
            Notice(key(number, day), quantity, price, second, at, self.start + at, ordered)
        )

    def answer(
        self,
        asked: float,
        *rows: SnapshotRow,
        answered: float | None = None,
        complete: bool = True,
        days: tuple[date, ...] = (TODAY,),
        order: OrderKey | None = None,
    ) -> list[Finding]:
        answered = asked if answered is None else answered
        page = Page(asked, answered, self.start + answered, rows)
        return self.tell(Snapshot((page,), days, complete, order))

    def tick(self, at: float) -> list[Finding]:
        return self.tell(Tick(at, self.start + at))

    def delivered(self) -> list[tuple[str, int, int]]:
        return [
            (found.origin.value, found.quantity, int(found.amount))
            for found in self.all
            if isinstance(found, Deliver)
        ]

    def question(self) -> NeedSnapshot | None:
        asked = [found for found in self.all if isinstance(found, NeedSnapshot)]
        return asked[-1] if asked else None

    def kinds(self) -> list[str]:
        return [
            type(found).__name__ for found in self.all if not isinstance(found, NeedSnapshot)
        ]
