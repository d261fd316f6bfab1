from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.errors import KXTProtocolError
from kxt_trio.models import (
    KST,
    AccountSummary,
    CancelReason,
    ExecutionReport,
    FillEvent,
    InstrumentRef,
    OrderAcceptedEvent,
    OrderAction,
    OrderAmendAckEvent,
    OrderCancelAckEvent,
    OrderRejectedEvent,
    OrderType,
    ProviderOrderRef,
    Side,
    TimeInForce,
    Venue,
)
from kxt_trio.protocol.notices import notice_tr_id
from kxt_trio.protocol.notices.domestic_stock import read_record
from kxt_trio.settings import Environment

RECEIVED = datetime(2026, 11, 20, 9, 30, 6, tzinfo=KST)
NAMES = [
    "CUST_ID",
    "ACNT_NO",
    "ODER_NO",
    "OODER_NO",
    "SELN_BYOV_CLS",
    "RCTF_CLS",
    "ODER_KIND",
    "ODER_COND",
    "STCK_SHRN_ISCD",
    "CNTG_QTY",
    "CNTG_UNPR",
    "STCK_CNTG_HOUR",
    "RFUS_YN",
    "CNTG_YN",
    "ACPT_YN",
    "BRNC_NO",
    "ODER_QTY",
    "ACNT_NAME",
]
FILL = [
    "htsuser1",
    "1234567801",
    "0000000123",
    "",
    "02",
    "0",
    "00",
    "0",
    "005930",
    "0000000010",
    "000069950",
    "093005",
    "0",
    "2",
    "2",
    "00950",
    "000000030",
    "홍길동",
]
ACCEPTANCE = [
    "htsuser1",
    "1234567801",
    "0000000123",
    "",
    "01",
    "0",
    "03",
    "1",
    "005930",
    "0000000030",
    "000070000",
    "093000",
    "0",
    "1",
    "1",
    "00950",
    "000000030",
    "홍길동",
]
REAL = ["000000000", "2", "N", "", "10", "", "삼성전자", "000070000"]
PACKED = ["1Y", "10", "", "삼성전자", "000070000"]
OLD = ["삼성전자", "10", "", "삼성전자", "000070000"]
TAILS = {"real": REAL, "packed": PACKED, "old": OLD}


def record(base: list[str], tail: list[str] = REAL, **changes: str) -> list[str]:
    fields = [*base, *tail]
    for name, value in changes.items():
        fields[NAMES.index(name)] = value
    return fields


def read_fill(fields: list[str], received_at: datetime = RECEIVED) -> FillEvent:
    event = read_record(fields, received_at)
    assert isinstance(event, FillEvent)
    return event


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


# Layouts


@pytest.mark.parametrize("extra", [1, 3, 14])
def test_columns_the_broker_appends_shift_nothing(extra: int) -> None:
    fill = read_fill(record(FILL, [*REAL, *["new"] * extra]))
    assert fill.venue is Venue.NXT
    assert fill.instrument.name == "삼성전자"
    assert fill.order_price == Decimal(70000)


@pytest.mark.parametrize(
    ("slot", "venue"),
    [
        ("1Y", Venue.KRX),
        ("2N", Venue.NXT),
        ("3Y", Venue.SOR_KRX),
        ("4Y   ", Venue.SOR_NXT),
        ("0000700002Y", Venue.NXT),
        ("000070000 1N  ", Venue.KRX),
        ("         1Y", Venue.KRX),
        ("5Y", None),
        ("1X", None),
        ("0000700000001Y", None),
        ("", None),
        ("한국1Y", None),
        ("1Y한국", None),
    ],
)
def test_packed_slot(slot: str, venue: Venue | None) -> None:
    fill = read_fill(record(FILL, [slot, *PACKED[1:]]))
    assert fill.venue is venue
    assert fill.order_price == Decimal(70000)


@pytest.mark.parametrize(
    ("code", "venue"),
    [
        ("1", Venue.KRX),
        ("2", Venue.NXT),
        ("3", Venue.SOR_KRX),
        ("4", Venue.SOR_NXT),
        ("9", "9"),
        ("", None),
    ],
)
def test_exchange_of_the_real_layout(code: str, venue: Venue | str | None) -> None:
    assert read_fill(record(FILL, [REAL[0], code, *REAL[2:]])).venue == venue


@pytest.mark.parametrize("width", [*range(18, 23), 24, 25])
def test_any_other_width_gives_the_common_fields(width: int) -> None:
    fill = read_fill([*FILL, *["x"] * (width - 18)])
    assert fill.report == read_fill(record(FILL)).report
    assert (fill.venue, fill.order_price, fill.instrument.name) == (None, None, None)
    assert fill.raw is not None
    assert len(fill.raw) == width


@pytest.mark.parametrize("width", [0, 1, 17])
def test_too_few_fields(width: int) -> None:
    with pytest.raises(KXTProtocolError, match=f"at least 18 fields, got {width}"):
        read_record(FILL[:width], RECEIVED)


def test_a_blank_name_is_none() -> None:
    assert read_fill(record(FILL, [*REAL[:6], "   ", REAL[7]])).instrument.name is None


# States


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


# Fields


@pytest.mark.parametrize(
    ("digits", "value"),
    [("000069950", "69950"), ("69950", "69950"), ("1", "1"), ("100000000000", "100000000000")],
)
def test_numbers_lose_their_padding(digits: str, value: str) -> None:
    price = read_fill(record(FILL, CNTG_UNPR=digits)).report.price
    assert (price, str(price)) == (Decimal(value), value)


NOT_NUMBERS = ["71,2x0", "", "٣", "²", "+1", "-1", "1e5", " 12", "12 ", "1_0", "NaN", "1.5"]


@pytest.mark.parametrize("text", NOT_NUMBERS)
@pytest.mark.parametrize("name", ["CNTG_QTY", "CNTG_UNPR", "ODER_NO"])
@pytest.mark.parametrize("base", [FILL, ACCEPTANCE])
def test_not_a_number(base: list[str], name: str, text: str) -> None:
    where = re.escape(f"notice field {name} [{NAMES.index(name)}]: expected digits")
    with pytest.raises(KXTProtocolError, match=f"^{where}$"):
        read_record(record(base, **{name: text}), RECEIVED)


@pytest.mark.parametrize("text", [text for text in NOT_NUMBERS if text])
@pytest.mark.parametrize("base", [FILL, ACCEPTANCE])
def test_a_number_beside_the_point_does_not_cost_the_notice(base: list[str], text: str) -> None:
    event = read_record(record(base, ODER_QTY=text), RECEIVED)
    assert event.order_quantity is None
    assert event.raw is not None
    assert event.raw[16] == text
    for tail in (REAL, OLD):
        read_record(record(base, [*tail[:-1], text]), RECEIVED)
    assert read_fill(record(FILL, [*REAL[:-1], text])).order_price is None


def test_an_order_quantity_may_be_missing() -> None:
    assert read_fill(record(FILL, ODER_QTY="")).order_quantity is None


@pytest.mark.parametrize("name", ["CNTG_QTY", "CNTG_UNPR"])
def test_a_fill_of_nothing(name: str) -> None:
    with pytest.raises(KXTProtocolError, match=rf"{name} .*above zero"):
        read_record(record(FILL, **{name: "0000000000"}), RECEIVED)


@pytest.mark.parametrize("text", ["", "          ", "0000000000", "0", "0000000123"])
def test_no_original_order(text: str) -> None:
    fill = read_fill(record(FILL, OODER_NO=text))
    assert fill.report.order_ref.original_order_id is None


def test_original_order() -> None:
    fill = read_fill(record(FILL, OODER_NO="0000000099"))
    assert fill.report.order_ref.original_order_id == "0000000099"
    with pytest.raises(KXTProtocolError, match=r"OODER_NO \[3\]: expected digits"):
        read_record(record(FILL, OODER_NO="99x"), RECEIVED)


def test_order_number_keeps_its_form() -> None:
    fill = read_fill(record(FILL, ODER_NO="17214"))
    assert fill.report.order_ref.order_id == "17214"


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("12345678", AccountSummary("12345678")),
        ("1234567803", AccountSummary("12345678", "03")),
    ],
)
def test_account(text: str, account: AccountSummary) -> None:
    fill = read_fill(record(FILL, ACNT_NO=text))
    assert fill.account == account
    assert fill.report.order_ref.account_id == "12345678"


@pytest.mark.parametrize(
    "text", ["", "1234567", "123456789", "12345678-01", "1234567x", "٣" * 8]
)
def test_not_an_account(text: str) -> None:
    with pytest.raises(KXTProtocolError, match=r"ACNT_NO \[1\]: expected 8 or 10 digits"):
        read_record(record(FILL, ACNT_NO=text), RECEIVED)


def test_symbol() -> None:
    fill = read_fill(record(FILL, STCK_SHRN_ISCD=" 0001A0  "))
    assert fill.instrument.symbol == "0001A0"
    for text in ("", "   "):
        with pytest.raises(KXTProtocolError, match=r"STCK_SHRN_ISCD \[8\]"):
            read_record(record(FILL, STCK_SHRN_ISCD=text), RECEIVED)


def test_codes_no_table_knows_are_kept() -> None:
    changes = {"SELN_BYOV_CLS": "09", "ODER_KIND": "77", "ODER_COND": "8"}
    event = read_record(record(ACCEPTANCE, **changes), RECEIVED)
    assert isinstance(event, OrderAcceptedEvent)
    assert (event.side, event.order_type, event.time_in_force) == ("09", "77", "8")


def test_codes_left_empty_are_none() -> None:
    changes = {"SELN_BYOV_CLS": "", "ODER_KIND": "", "ODER_COND": ""}
    event = read_record(record(ACCEPTANCE, **changes), RECEIVED)
    assert isinstance(event, OrderAcceptedEvent)
    assert (event.side, event.order_type, event.time_in_force) == (None, None, None)


@pytest.mark.parametrize(
    ("code", "expected"),
    [("0", TimeInForce.DAY), ("1", TimeInForce.IOC), ("2", TimeInForce.FOK)],
)
def test_time_in_force(code: str, expected: TimeInForce) -> None:
    event = read_record(record(ACCEPTANCE, ODER_COND=code), RECEIVED)
    assert isinstance(event, OrderAcceptedEvent)
    assert event.time_in_force is expected


@pytest.mark.parametrize("member", OrderType)
def test_order_types(member: OrderType) -> None:
    event = read_record(record(ACCEPTANCE, ODER_KIND=member.value), RECEIVED)
    assert isinstance(event, OrderAcceptedEvent)
    assert event.order_type is member


@pytest.mark.parametrize(
    "changes",
    [
        {"CNTG_UNPR": "71,2x0"},
        {"STCK_CNTG_HOUR": "private"},
        {"ACNT_NO": "50000000"},
        {"RFUS_YN": "private"},
        {"ODER_NO": "private"},
    ],
)
def test_errors_quote_nothing(changes: dict[str, str]) -> None:
    changes.setdefault("CNTG_QTY", "private")
    with pytest.raises(KXTProtocolError) as caught:
        read_record(record(FILL, **changes), RECEIVED)
    message = str(caught.value)
    private = [*changes.values(), "htsuser1", "1234567801", "홍길동"]
    assert not any(value in message for value in private)


# Time


@pytest.mark.parametrize(
    ("received", "clock", "expected"),
    [
        ("2026-11-20T09:30:06+09:00", "093005", "2026-11-20T09:30:05+09:00"),
        # The broker's clock may be ahead of ours.
        ("2026-11-20T09:30:04+09:00", "093005", "2026-11-20T09:30:05+09:00"),
        # Both sides of midnight, and of the year's end.
        ("2026-11-21T00:00:01+09:00", "235959", "2026-11-20T23:59:59+09:00"),
        ("2026-11-20T23:59:59+09:00", "000001", "2026-11-21T00:00:01+09:00"),
        ("2027-01-01T00:00:00+09:00", "235959", "2026-12-31T23:59:59+09:00"),
        # Pre-market of NXT, while UTC still has yesterday.
        ("2026-11-20T08:00:01+09:00", "080000", "2026-11-20T08:00:00+09:00"),
        ("2026-11-19T23:30:00+00:00", "083000", "2026-11-20T08:30:00+09:00"),
        ("2026-11-19T23:59:59+00:00", "085958", "2026-11-20T08:59:58+09:00"),
        # A clock elsewhere.
        ("2026-11-19T19:30:06-05:00", "093005", "2026-11-20T09:30:05+09:00"),
    ],
)
def test_the_date_is_the_nearest(received: str, clock: str, expected: str) -> None:
    fill = read_fill(record(FILL, STCK_CNTG_HOUR=clock), datetime.fromisoformat(received))
    assert fill.report.occurred_at.isoformat() == expected
    assert fill.received_at is not None
    assert fill.received_at == datetime.fromisoformat(received)
    assert fill.received_at.utcoffset() == timedelta(hours=9)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
    st.integers(-12 * 3600 + 1, 12 * 3600 - 1),
    st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours))),
)
def test_less_than_half_a_day_off_is_read_exactly(
    naive: datetime, seconds: int, zone: timezone
) -> None:
    received_at = naive.replace(microsecond=0, tzinfo=zone)
    occurred_at = received_at.astimezone(KST) + timedelta(seconds=seconds)
    fields = record(FILL, STCK_CNTG_HOUR=occurred_at.strftime("%H%M%S"))
    assert read_fill(fields, received_at).report.occurred_at == occurred_at


@pytest.mark.parametrize(
    "text", ["", "999999", "240000", "096000", "093060", "9305", "0930055", "09:305", "٠٩٣٠٠٥"]
)
def test_not_a_time(text: str) -> None:
    with pytest.raises(KXTProtocolError, match=r"STCK_CNTG_HOUR \[11\]: expected .* HHMMSS"):
        read_record(record(FILL, STCK_CNTG_HOUR=text), RECEIVED)


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
