from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.errors import KXTProtocolError
from kxt_trio.models import KST, AccountSummary, OrderAcceptedEvent, OrderType, TimeInForce
from kxt_trio.protocol.notices.domestic_stock import read_record

from .records import ACCEPTANCE, FILL, NAMES, OLD, REAL, RECEIVED, read_fill, record

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
