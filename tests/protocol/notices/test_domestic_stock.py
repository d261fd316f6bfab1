from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.models import (
    KST,
    AccountSummary,
    ExecutionReport,
    FillEvent,
    InstrumentRef,
    OrderAcceptedEvent,
    OrderAction,
    OrderType,
    ProviderOrderRef,
    Side,
    TimeInForce,
    Venue,
)
from kxt_trio.protocol.notices import notice_tr_id
from kxt_trio.protocol.notices.domestic_stock import read_record
from kxt_trio.settings import Environment

from .records import ACCEPTANCE, FILL, OLD, PACKED, REAL, RECEIVED, read_fill, record

TAILS = {"real": REAL, "packed": PACKED, "old": OLD}


def test_tr_ids() -> None:
    assert notice_tr_id(Environment.REAL) == "H0STCNI0"
    assert notice_tr_id(Environment.PAPER) == "H0STCNI9"


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
def test_the_documented_equality(tail: list[str]) -> None:
    assert read_record(record(FILL, tail), RECEIVED) == FillEvent(
        report=ExecutionReport(
            execution_id=None,
            order_ref=ProviderOrderRef(
                provider="kis", order_id="0000000123", account_id="12345678"
            ),
            occurred_at=datetime(2026, 11, 20, 9, 30, 5, tzinfo=KST),
            price=Decimal(69950),
            quantity=Decimal(10),
        ),
        instrument=InstrumentRef(symbol="005930"),
    )


def test_what_a_fill_carries_besides() -> None:
    fields = record(FILL)
    fill = read_fill(fields)
    assert fill.side is Side.BUY
    assert fill.order_quantity == Decimal(30)
    assert fill.order_price == Decimal(70000)
    assert fill.venue is Venue.NXT
    assert fill.instrument.name == "삼성전자"
    assert fill.account == AccountSummary("12345678", "01")
    assert fill.received_at == RECEIVED
    assert fill.raw == ("", "", *fields[2:17], "", *fields[18:])
    assert str(fill.report.price) == "69950"


def test_what_an_acceptance_says() -> None:
    event = read_record(record(ACCEPTANCE, [*PACKED[:-1], ""]), RECEIVED)
    assert event == OrderAcceptedEvent(
        order_ref=ProviderOrderRef("kis", "0000000123", account_id="12345678"),
        instrument=InstrumentRef("005930"),
        occurred_at=datetime(2026, 11, 20, 9, 30, tzinfo=KST),
        quantity=Decimal(30),
        price=Decimal(70000),
        action=OrderAction.NEW,
    )
    assert event.side is Side.SELL
    assert event.order_type is OrderType.BEST_OPPOSITE
    assert event.time_in_force is TimeInForce.IOC
    assert event.order_quantity == Decimal(30)
    assert event.venue is Venue.KRX
    assert event.instrument.name == "삼성전자"
    assert event.account == AccountSummary("12345678", "01")
    assert event.received_at == RECEIVED
    assert event.raw is not None
    assert (event.raw[0], event.raw[1], event.raw[17]) == ("", "", "")


def test_a_market_order_has_no_price() -> None:
    accepted = read_record(record(ACCEPTANCE, CNTG_UNPR="000000000"), RECEIVED)
    assert isinstance(accepted, OrderAcceptedEvent)
    assert accepted.price is None
    assert read_fill(record(FILL, [*REAL[:-1], "000000000"])).order_price is None
    assert read_fill(record(FILL, [*REAL[:-1], ""])).order_price is None


# Any record


def padded(width: int, low: int) -> st.SearchStrategy[str]:
    return st.integers(low, 10**width - 1).map(lambda value: f"{value:0{width}}")


NAME = st.text(
    st.characters(codec="utf-8", exclude_characters="^", exclude_categories=["Z", "Cc"]),
    min_size=1,
    max_size=20,
)


@given(
    order_id=padded(10, 1),
    account=padded(10, 0),
    quantity=padded(10, 1),
    price=padded(9, 1),
    order_quantity=padded(9, 0),
    order_price=padded(9, 0),
    when=st.times(),
    side=st.sampled_from([("01", Side.SELL), ("02", Side.BUY)]),
    venue=st.sampled_from(list(enumerate(Venue, start=1))),
    name=NAME,
    layout=st.sampled_from(list(TAILS)),
    trigger=st.one_of(st.just(""), padded(9, 1)),
)
def test_round_trip_of_any_fill(
    order_id: str,
    account: str,
    quantity: str,
    price: str,
    order_quantity: str,
    order_price: str,
    when: object,
    side: tuple[str, Side],
    venue: tuple[int, Venue],
    name: str,
    layout: str,
    trigger: str,
) -> None:
    clock = f"{when:%H%M%S}"
    code, member = venue
    tail = {
        "real": [trigger, str(code), "Y", "", "10", "", name, order_price],
        "packed": [f"{trigger}{code}Y", "10", "", name, order_price],
        "old": ["name", "10", "", name, order_price],
    }[layout]
    fields = record(
        FILL,
        tail,
        ODER_NO=order_id,
        ACNT_NO=account,
        CNTG_QTY=quantity,
        CNTG_UNPR=price,
        ODER_QTY=order_quantity,
        STCK_CNTG_HOUR=clock,
        SELN_BYOV_CLS=side[0],
    )
    fill = read_fill(fields)
    report = fill.report
    assert report.order_ref == ProviderOrderRef("kis", order_id, account_id=account[:8])
    assert f"{report.quantity:010}" == quantity
    assert f"{report.price:09}" == price
    assert f"{report.occurred_at:%H%M%S}" == clock
    assert f"{fill.order_quantity:09}" == order_quantity
    assert f"{fill.order_price or 0:09}" == order_price
    assert fill.side is side[1]
    assert fill.venue is (None if layout == "old" else member)
    assert fill.instrument.name == name
    assert fill.raw == ("", "", *fields[2:17], "", *fields[18:])
