"""Steps that many tests of the ledger take, and words for what they look for in findings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, TypeVar

from kxt_trio.reconcile.findings import Alarm, AlarmKind, Finding
from kxt_trio.reconcile.rules import Rules

from .desk import TODAY, Desk, row

YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)

Kind = TypeVar("Kind")


def live(rules: type[Rules] = Rules) -> Desk:
    """Live since 0, with one order of 100 shares."""
    desk = Desk(rules=rules, stream_lag_max=5)
    desk.connect(0)
    desk.order(0, 100)
    return desk


def settle(desk: Desk, *rows) -> None:
    """Verify everything, the later look included."""
    for asked in (0, 6):
        desk.answer(asked, *rows)
        desk.tick(asked + 5)
    assert desk.ledger.verified
    desk.answer(121, *rows)
    desk.tick(126)
    assert desk.ledger.verified


def recover(desk: Desk, quantity: int = 5, asked: float = 10.0) -> None:
    desk.answer(asked, row(quantity, quantity * 100), answered=asked + 0.5)
    desk.tick(asked + 5.5)
    assert desk.delivered()[-1][0] == "recovered"


def restarted(desk: Desk, records: Iterable[Any], **policy) -> Desk:
    again = Desk(**policy)
    again.start = desk.start + 1_000
    again.ledger.load(records)
    return again


def days_ago(*ages: int) -> tuple[date, ...]:
    return tuple(TODAY - timedelta(days=n) for n in ages)


def only(found: Iterable[Finding], kind: type[Kind]) -> list[Kind]:
    return [one for one in found if isinstance(one, kind)]


def alarms(found: Iterable[Finding]) -> list[AlarmKind]:
    return [alarm.kind for alarm in only(found, Alarm)]
