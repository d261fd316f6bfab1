from __future__ import annotations

from decimal import Decimal

import pytest

from kxt_trio.errors import KXTProtocolError
from kxt_trio.models import Venue
from kxt_trio.protocol.notices.domestic_stock import read_record

from .records import FILL, PACKED, REAL, RECEIVED, read_fill, record


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
