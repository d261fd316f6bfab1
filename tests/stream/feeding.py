"""What feeds a stream in these tests: events, and a stand-in for the session."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from kxt_trio.models import (
    KST,
    AccountSummary,
    ExecutionReport,
    FillEvent,
    InstrumentRef,
    ProviderOrderRef,
)
from kxt_trio.status import SessionStatus
from kxt_trio.stream import FillOutlet, FillStream, Outlet

AT = datetime(2026, 11, 20, 9, 30, tzinfo=KST)
MINE = AccountSummary("12345678", "01")
FAILURE = "the link was lost"


def order(number: int, account: AccountSummary | None = MINE) -> ProviderOrderRef:
    owner = None if account is None else account.account_id
    return ProviderOrderRef("kis", f"{number:010}", account_id=owner)


def fill(number: int = 1, account: AccountSummary | None = MINE) -> FillEvent:
    report = ExecutionReport(None, order(number, account), AT, Decimal(100), Decimal(1))
    return FillEvent(report, InstrumentRef("005930"), account=account)


class Side:
    """Stands in for the session: feeds outlets and hears of those that leave."""

    def __init__(self) -> None:
        self.status = SessionStatus()
        self.left: list[Outlet[Any]] = []

    def detach(self, outlet: Outlet[Any]) -> None:
        self.left.append(outlet)
        self.status.state.nudge()

    def fills(
        self, *, account: AccountSummary | None = None, size: int = 10
    ) -> tuple[FillOutlet, FillStream]:
        outlet = FillOutlet(account, size)
        return outlet, FillStream(outlet, self.status, self.detach)
