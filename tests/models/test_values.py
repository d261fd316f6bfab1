"""Accounts, orders, instruments."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.errors import KXTValidationError
from kxt_trio.models import KST, AccountSummary, InstrumentRef, ProviderOrderRef

numbers = st.text("0123456789", min_size=8, max_size=8)
codes = st.text("0123456789", min_size=2, max_size=2)


@given(number=numbers, code=codes, blanks=st.sampled_from(["", " ", "\n"]))
def test_every_written_form_of_an_account_is_read(number: str, code: str, blanks: str):
    whole = AccountSummary(number, code)
    for text in (f"{number}-{code}", f"{number}{code}"):
        assert AccountSummary.parse(f"{blanks}{text}{blanks}") == whole
        assert AccountSummary.parse(text, code) == whole
        assert AccountSummary.parse(text, "  ") == whole
    assert AccountSummary.parse(number, f"{blanks}{code}") == whole
    assert AccountSummary.parse(number) == AccountSummary(number, None)
    assert AccountSummary.parse(number, "") == AccountSummary(number, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "7777",
        "876543219",
        "87654321901",
        "8765432a",
        "１２３４５６７８",
        "87654321-",
        "-01",
        "8765432-01",
        "87654321 01",
        "8765432101-01",
        "87654321-01-01",
        "²2345678",
    ],
)
def test_what_is_no_account_number_is_refused_without_being_shown(text: str):
    with pytest.raises(KXTValidationError, match=r"account_no|account_product_code") as caught:
        AccountSummary.parse(text)
    assert "87654321" not in str(caught.value)


@pytest.mark.parametrize("code", ["1", "001", "ab", "０１"])
@pytest.mark.parametrize("form", ["87654321", "87654321-{}"])
def test_a_product_code_is_two_digits(form: str, code: str):
    with pytest.raises(KXTValidationError, match="account_product_code"):
        AccountSummary.parse(form.format(code), code)


@pytest.mark.parametrize("text", ["87654321-01", "8765432101"])
def test_two_product_codes_that_differ_are_refused(text: str):
    with pytest.raises(KXTValidationError, match="product code"):
        AccountSummary.parse(text, "02")


@pytest.mark.parametrize(
    ("wanted", "account", "answer"),
    [
        (("87654321", None), ("87654321", "01"), True),
        (("87654321", None), ("87654321", None), True),
        (("87654321", "01"), ("87654321", "01"), True),
        (("87654321", "01"), ("87654321", "22"), False),
        (("87654321", "01"), ("87654321", None), True),
        (("87654321", None), ("12345679", "01"), False),
        (("87654321", "01"), ("12345679", "01"), False),
    ],
)
def test_a_product_code_that_is_not_known_excludes_nothing(
    wanted: tuple[str, str | None], account: tuple[str, str | None], answer: bool
):
    assert AccountSummary(*wanted).covers(AccountSummary(*account)) is answer


def test_account_numbers_are_masked_wherever_a_value_shows_itself():
    order = ProviderOrderRef("kis", "0000000123", account_id="12345678")
    assert repr(AccountSummary("12345678", "01")) == (
        "AccountSummary(account_id='******78', product_code='01')"
    )
    assert "account_id='******78'" in repr(order)
    assert "account_id=None" in repr(ProviderOrderRef("kis", "0000000123"))


def test_the_name_of_an_instrument_takes_no_part_in_comparisons():
    assert InstrumentRef("005930", "삼성전자") == InstrumentRef("005930")
    assert InstrumentRef("005930") != InstrumentRef("000660")


@pytest.mark.parametrize(
    "value",
    [AccountSummary("12345678"), InstrumentRef("005930"), ProviderOrderRef("kis", "1")],
)
def test_values_cannot_be_changed(value: object):
    for field in attrs.fields(type(value)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, field.name, "other")


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)))
def test_korea_is_nine_hours_ahead_all_year(moment: datetime):
    assert moment.replace(tzinfo=KST).utcoffset() == timedelta(hours=9)
