from __future__ import annotations

from decimal import Decimal

import pytest

from kxt_trio.errors import KXTProtocolError
from kxt_trio.models import (
    CancelReason,
    FillEvent,
    OrderAcceptedEvent,
    OrderAction,
    OrderAmendAckEvent,
    OrderCancelAckEvent,
    OrderRejectedEvent,
)
from kxt_trio.protocol.notices.domestic_stock import read_record

from .records import ACCEPTANCE, RECEIVED, record


def state(rfus: str, cntg: str, acpt: str, rctf: str) -> list[str]:
    return record(ACCEPTANCE, RFUS_YN=rfus, CNTG_YN=cntg, ACPT_YN=acpt, RCTF_CLS=rctf)


@pytest.mark.parametrize("acpt", ["1", "2", "3", "", "9"])
@pytest.mark.parametrize("rctf", ["0", "1", "2", ""])
def test_a_fill_is_a_fill_whatever_else_is_said(acpt: str, rctf: str) -> None:
    assert isinstance(read_record(state("0", "2", acpt, rctf), RECEIVED), FillEvent)


@pytest.mark.parametrize(
    ("rctf", "action"),
    [
        ("0", OrderAction.NEW),
        ("1", OrderAction.AMEND),
        ("2", OrderAction.CANCEL),
        ("7", "7"),
    ],
)
@pytest.mark.parametrize(
    ("rfus", "acpt", "kind"),
    [
        ("0", "1", OrderAcceptedEvent),
        ("1", "1", OrderRejectedEvent),
        ("1", "2", OrderRejectedEvent),
        ("1", "3", OrderRejectedEvent),
    ],
)
def test_acceptance_and_rejection_say_of_what(
    rfus: str, acpt: str, kind: type, rctf: str, action: OrderAction | str
) -> None:
    event = read_record(state(rfus, "1", acpt, rctf), RECEIVED)
    assert type(event) is kind
    assert isinstance(event, OrderAcceptedEvent | OrderRejectedEvent)
    assert event.action == action


def test_an_amendment_took_effect() -> None:
    fields = state("0", "1", "2", "1")
    fields[3] = "0000000100"
    event = read_record(fields, RECEIVED)
    assert isinstance(event, OrderAmendAckEvent)
    assert event.action is OrderAction.AMEND
    assert event.order_ref.order_id == "0000000123"
    assert event.order_ref.original_order_id == "0000000100"
    assert (event.quantity, event.price) == (Decimal(30), Decimal(70000))


def test_a_cancellation_took_effect() -> None:
    event = read_record(state("0", "1", "2", "2"), RECEIVED)
    assert isinstance(event, OrderCancelAckEvent)
    assert event.action is OrderAction.CANCEL
    assert event.reason is CancelReason.REQUESTED


@pytest.mark.parametrize("rctf", ["0", "1", "2"])
def test_the_rest_of_an_order_lapsed(rctf: str) -> None:
    event = read_record(state("0", "1", "3", rctf), RECEIVED)
    assert isinstance(event, OrderCancelAckEvent)
    assert event.reason is CancelReason.UNFILLED_REMAINDER
    assert event.quantity == Decimal(30)


@pytest.mark.parametrize(
    "codes",
    [
        ("0", "1", "2", "0"),
        ("0", "1", "2", ""),
        ("0", "1", "4", "0"),
        ("0", "3", "1", "0"),
        ("1", "2", "2", "0"),
        ("N", "2", "2", "0"),
        ("N", "1", "1", "0"),
        ("", "", "", ""),
    ],
)
def test_undocumented_combinations(codes: tuple[str, str, str, str]) -> None:
    with pytest.raises(KXTProtocolError, match=r"CNTG_YN \[13\]"):
        read_record(state(*codes), RECEIVED)
