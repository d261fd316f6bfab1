"""Events as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import attrs
import pytest

from kxt_trio import (
    Correction,
    ExecutionReport,
    FillEvent,
    FillNotificationEvent,
    FillOrigin,
    InstrumentRef,
    OrderAcceptedEvent,
    OrderAction,
    OrderAmendAckEvent,
    OrderCancelAckEvent,
    OrderRejectedEvent,
    ProviderOrderRef,
    Side,
    StreamState,
    StreamStatistics,
)
from kxt_trio.cli.rows import Row, audit_figures, row_of

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


@pytest.mark.parametrize(
    ("price", "shown"),
    [("69950", "69,950"), ("69950.00", "69,950.00"), ("69953.333333333333", "~69,953.33")],
)
def test_a_recovered_fill(price, shown):
    report = ExecutionReport(None, ORDER, MIDNIGHT, Decimal(price), Decimal(30))
    row = row_of(FillEvent(report, SAMSUNG, side=Side.BUY, origin=FillOrigin.RECOVERED))
    assert (row.what, row.quantity, row.price) == ("recovered", "30", shown)


def test_a_correction():
    event = Correction(ORDER, SAMSUNG, Decimal(-5), Decimal(-349_750), noticed_at=MIDNIGHT)
    assert row_of(event) == Row(
        time="09:30:05",
        what="correction",
        order="0000000123",
        side="",
        symbol="005930",
        name="삼성전자",
        quantity="-5",
        price="-349,750 won",
    )


def test_figures_that_are_not_0():
    figures = StreamStatistics(
        state=StreamState.LIVE,
        buffered=0,
        received=0,
        delivered=0,
        reconnects=0,
        gaps=(),
        unreadable=0,
        last_unreadable=None,
        last_frame_age=None,
    )
    assert list(audit_figures(figures)) == []
    figures = attrs.evolve(figures, recovered=3, unverified_orders=0, held=1, corrections=2)
    assert list(audit_figures(figures)) == ["recovered 3", "held 1", "corrections 2"]
    assert list(audit_figures(attrs.evolve(figures, unverified_orders=4)))[1:2] == [
        "unverified orders 4"
    ]
