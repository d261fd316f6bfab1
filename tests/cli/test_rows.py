"""Events as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from kxt_trio import (
    ExecutionReport,
    FillEvent,
    FillNotificationEvent,
    InstrumentRef,
    OrderAcceptedEvent,
    OrderAction,
    OrderAmendAckEvent,
    OrderCancelAckEvent,
    OrderRejectedEvent,
    ProviderOrderRef,
    Side,
)
from kxt_trio.cli.rows import Row, row_of

ORDER = ProviderOrderRef("kis", "0000000123")
SAMSUNG = InstrumentRef("005930", "삼성전자")
MIDNIGHT = datetime(2026, 11, 20, 0, 30, 5, tzinfo=UTC)


def test_a_fill():
    report = ExecutionReport(None, ORDER, MIDNIGHT, Decimal(1234567), Decimal("1E+3"))
    fill = FillEvent(report, SAMSUNG, side=Side.BUY)
    row = Row(
        time="09:30:05",
        what="fill",
        order="0000000123",
        side="buy",
        symbol="005930",
        name="삼성전자",
        quantity="1,000",
        price="1,234,567",
    )
    assert row_of(fill) == row_of(FillNotificationEvent(fill)) == row


@pytest.mark.parametrize(
    ("kind", "action", "what"),
    [
        (OrderAcceptedEvent, OrderAction.NEW, "accepted"),
        (OrderAcceptedEvent, OrderAction.CANCEL, "cancel accepted"),
        (OrderAmendAckEvent, OrderAction.AMEND, "amended"),
        (OrderCancelAckEvent, OrderAction.CANCEL, "cancelled"),
        (OrderRejectedEvent, OrderAction.NEW, "rejected"),
        (OrderRejectedEvent, "7", "7 rejected"),
    ],
)
def test_what_happened_to_an_order(kind, action, what):
    event = kind(ORDER, InstrumentRef("005930"), MIDNIGHT, Decimal(10), action=action)
    row = row_of(event)
    assert (row.what, row.name, row.price, row.side) == (what, "", "", "")


def test_a_side_nobody_knows_is_shown_as_it_came():
    event = OrderAcceptedEvent(ORDER, SAMSUNG, MIDNIGHT, Decimal(10), side="09")
    assert row_of(event).side == "09"
