from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.errors import (
    KXTAPIError,
    KXTAuthenticationError,
    KXTProtocolError,
    KXTValidationError,
)
from kxt_trio.models import KST, AccountSummary, Side, Venue
from kxt_trio.protocol.inquiry import InquiryPage, InquiryRequest, PageKey, PageReader
from kxt_trio.protocol.order_row import order_number, read_order_row
from kxt_trio.protocol.rest_answers import is_rate_limited, is_token_refused
from kxt_trio.settings import Environment

ACCOUNT = AccountSummary("12345678", "01")
DAY = date(2026, 11, 20)
ROW = {
    "ord_dt": "20261120",
    "odno": "0000017214",
    "orgn_odno": "",
    "sll_buy_dvsn_cd": "02",
    "pdno": "005930",
    "prdt_name": "삼성전자",
    "ord_qty": "10",
    "ord_unpr": "69950",
    "ord_tmd": "093005",
    "tot_ccld_qty": "4",
    "tot_ccld_amt": "279760",
    "avg_prvs": "69940",
    "cncl_yn": "N",
    "cnc_cfrm_qty": "1",
    "rmn_qty": "5",
    "rjct_qty": "0",
    "excg_id_dvsn_Cd": "KRX",
}


def request(**given_) -> InquiryRequest:
    return InquiryRequest(**{"account": ACCOUNT, "first": DAY, "last": DAY, **given_})


def body(*rows: object, **fields: object) -> bytes:
    return json.dumps({"rt_cd": "0", "msg_cd": "KIOK0510", "output1": rows, **fields}).encode()


def read_page(status: int, headers: Mapping[str, str], content: bytes) -> InquiryPage:
    reader = PageReader(status, headers, content)
    while reader.read_rows(2):
        pass
    return reader.page()


def row(**changes: object):
    return read_order_row({**ROW, **changes}, "row")


def test_the_question() -> None:
    parameters = request(order_id="0000017214").parameters()
    assert parameters["CANO"] == "12345678"
    assert parameters["ACNT_PRDT_CD"] == "01"
    assert parameters["INQR_STRT_DT"] == parameters["INQR_END_DT"] == "20261120"
    assert parameters["INQR_DVSN"] == "01", "oldest first, so that new rows move no page"
    assert parameters["ODNO"] == "0000017214"
    assert parameters["CTX_AREA_FK100"] == parameters["CTX_AREA_NK100"] == ""


@pytest.mark.parametrize(
    ("environment", "tr_id", "venues"),
    [(Environment.REAL, "TTTC0081R", "ALL"), (Environment.PAPER, "VTTC0081R", "KRX")],
)
def test_real_and_paper(environment, tr_id, venues) -> None:
    asked = request(environment=environment)
    headers = asked.headers("key", "secret", "token")
    assert headers["tr_id"] == tr_id
    assert headers["authorization"] == "Bearer token"
    assert (headers["appkey"], headers["appsecret"]) == ("key", "secret")
    assert (headers["tr_cont"], headers["custtype"]) == ("", "P")
    assert asked.parameters()["EXCG_ID_DVSN_CD"] == venues


def test_a_continuation_carries_the_key_as_it_came() -> None:
    key = PageKey("fk" + " " * 98, "nk" + " " * 98)
    parameters = request().parameters(key)
    assert (parameters["CTX_AREA_FK100"], parameters["CTX_AREA_NK100"]) == (key.fk, key.nk)
    assert request().headers("k", "s", "t", key)["tr_cont"] == "N"


def test_questions_that_make_no_sense() -> None:
    with pytest.raises(KXTValidationError, match="product code"):
        request(account=AccountSummary("12345678"))
    with pytest.raises(KXTValidationError, match="after the last"):
        request(last=date(2026, 11, 19))


def test_a_row() -> None:
    read = row()
    assert read.trade_date == DAY
    assert read.order_id == "0000017214"
    assert read.original_order_id is None
    assert (read.symbol, read.name) == ("005930", "삼성전자")
    assert read.side is Side.BUY
    assert (read.order_quantity, read.order_price) == (10, Decimal("69950"))
    assert (read.filled_quantity, read.filled_amount) == (4, Decimal("279760"))
    assert (read.cancelled, read.cancelled_quantity) == (False, 1)
    assert (read.remaining_quantity, read.rejected_quantity) == (5, 0)
    assert read.ordered_at == datetime(2026, 11, 20, 9, 30, 5, tzinfo=KST)
    assert read.venue is Venue.KRX


def test_the_forms_that_a_row_has_been_seen_in() -> None:
    read = row(
        odno="17214",
        orgn_odno="0000017000",
        tot_ccld_qty="0000000004",
        tot_ccld_amt="279760.00",
        ord_unpr="0",
        cncl_yn="Y",
        cnc_cfrm_qty=None,
        cncl_cfrm_qty="3",
        sll_buy_dvsn_cd="09",
        excg_id_dvsn_Cd="SOR",
    )
    assert (read.order_id, read.original_order_id) == ("0000017214", "0000017000")
    assert (read.filled_quantity, read.filled_amount) == (4, Decimal(279760))
    assert read.order_price is None
    assert (read.cancelled, read.cancelled_quantity) == (True, 3)
    assert (read.side, read.venue) == ("09", "SOR")
    assert row(tot_ccld_qty=4, odno=17214) == row(tot_ccld_qty="4", odno="0000017214")


@pytest.mark.parametrize("original", ["", "0000000000", "0000017214", "17214", None])
def test_no_original_order(original) -> None:
    assert row(orgn_odno=original).original_order_id is None


def test_what_stands_beside_the_totals_does_not_cost_them() -> None:
    names = ("ord_qty", "ord_unpr", "ord_tmd", "cnc_cfrm_qty", "rmn_qty", "rjct_qty")
    read = row(
        **dict.fromkeys(names, "x"), prdt_name="", sll_buy_dvsn_cd="", excg_id_dvsn_Cd=""
    )
    assert (read.filled_quantity, read.filled_amount) == (4, Decimal(279760))
    assert read.order_quantity is read.order_price is read.ordered_at is None
    assert read.remaining_quantity is read.rejected_quantity is None
    assert read.name is read.side is read.venue is None
    assert row(pdno="").symbol == row(pdno=None).symbol == ""
    assert row(prdt_name=[], orgn_odno={}).name is None
    assert row(ord_tmd="256060").ordered_at is None


@pytest.mark.parametrize("field", ["ord_dt", "odno", "tot_ccld_qty", "tot_ccld_amt"])
@pytest.mark.parametrize("value", ["", " ", None, [], "missing"])
def test_identity_and_totals_must_be_readable(field, value) -> None:
    broken: dict[str, object] = {**ROW, field: value}
    if value == "missing":
        del broken[field]
    with pytest.raises(KXTProtocolError, match=field):
        read_order_row(broken, "row")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tot_ccld_qty", "1.5"),
        ("tot_ccld_qty", "-1"),
        ("tot_ccld_qty", "١"),
        ("tot_ccld_amt", "1e5"),
        ("tot_ccld_amt", "NaN"),
        ("odno", "0000000000"),
        ("odno", "12345678901"),
        ("ord_dt", "20261301"),
        ("ord_dt", "2026111"),
    ],
)
def test_numbers_that_are_none(field, value) -> None:
    with pytest.raises(KXTProtocolError, match=field) as caught:
        row(**{field: value})
    assert value not in str(caught.value).replace(field, "")


def test_more_filled_than_ordered_is_no_row() -> None:
    with pytest.raises(KXTProtocolError, match="tot_ccld_qty is not a part of ord_qty"):
        row(ord_qty="10", tot_ccld_qty="11")
    assert row(ord_qty="10", tot_ccld_qty="10").filled_quantity == 10


@pytest.mark.parametrize(
    ("changes", "finished"),
    [
        ({"rmn_qty": "0", "cnc_cfrm_qty": "6"}, True),  # cancelled, amended or lapsed
        ({"rmn_qty": "0", "cnc_cfrm_qty": "0", "tot_ccld_qty": "10"}, True),
        ({"rmn_qty": "0", "cnc_cfrm_qty": "", "rjct_qty": "10", "tot_ccld_qty": "0"}, True),
        ({"rmn_qty": "0", "cnc_cfrm_qty": "0"}, False),  # six shares are nowhere
        ({"rmn_qty": "5"}, False),
        ({"rmn_qty": "", "cnc_cfrm_qty": "6"}, False),
        ({"rmn_qty": "0", "ord_qty": ""}, False),
    ],
)
def test_a_finished_order_accounts_for_every_share(changes, finished) -> None:
    assert row(**changes).finished is finished


def test_a_row_that_names_no_order_is_left_out_if_nothing_was_filled() -> None:
    blank = {**dict.fromkeys(ROW, ""), "tot_ccld_qty": "0"}
    page = read_page(200, {"tr_cont": "D"}, body(blank, ROW, {**blank, "odno": "0000000000"}))
    assert (len(page.rows), page.faults) == (1, ())
    page = read_page(200, {"tr_cont": "D"}, body({**blank, "tot_ccld_qty": "3"}))
    assert page.bad_rows == 1


@pytest.mark.parametrize(
    ("output2", "sums"),
    [
        ({"tot_ord_qty": "30", "tot_ccld_qty": "12"}, (30, 12)),
        ([{"tot_ord_qty": "30", "tot_ccld_qty": "12"}], (30, 12)),
        ({"tot_ord_qty": "x"}, (None, None)),
        ([], (None, None)),
        (None, (None, None)),
    ],
)
def test_the_sums_of_all_rows(output2, sums) -> None:
    page = read_page(200, {"tr_cont": "D"}, body(ROW, output2=output2))
    assert (page.sums.ordered, page.sums.filled) == sums


def test_a_page_without_a_word_of_what_follows() -> None:
    assert read_page(200, {}, body(ROW, ctx_area_nk100="   ")).ends_in_silence
    assert not read_page(200, {}, body(ROW, ctx_area_nk100="17")).ends_in_silence
    assert not read_page(200, {"tr_cont": "D"}, body(ROW)).ends_in_silence


def test_a_page_is_read_so_many_rows_at_a_time() -> None:
    numbers = [f"{number:010d}" for number in range(1, 8)]
    rows = [{**ROW, "odno": number} for number in numbers]
    reader = PageReader(200, {"tr_cont": "D"}, body(*rows))
    assert [reader.read_rows(3) for _ in range(3)] == [True, True, False]
    assert [read.order_id for read in reader.page().rows] == numbers
    reader = PageReader(200, {}, body(*rows[:3]))
    assert not reader.read_rows(3)
    assert not PageReader(200, {}, body()).read_rows(3)


def test_a_bad_row_costs_the_others_nothing() -> None:
    page = read_page(200, {"tr_cont": "D"}, body(ROW, {**ROW, "odno": "?"}, 7, ROW))
    assert [read.order_id for read in page.rows] == ["0000017214"] * 2
    assert page.bad_rows == 2
    assert page.faults[0] == "inquiry row 1: odno is not an order number"
    assert page.faults[1].startswith("inquiry row 2: ")


@pytest.mark.parametrize(
    ("tr_cont", "more", "last"),
    [("F", True, False), ("M ", True, False), ("D", False, True), ("E", False, True)],
)
def test_what_follows(tr_cont, more, last) -> None:
    context = {"ctx_area_fk100": "a  ", "ctx_area_nk100": "b  "}
    page = read_page(200, {"tr_cont": tr_cont}, body(**context))
    assert (page.more, page.last, page.key) == (more, last, PageKey("a  ", "b  "))
    assert "a  " not in repr(page)


def test_a_page_that_does_not_say_what_follows() -> None:
    page = read_page(200, {}, body())
    assert not page.more
    assert not page.last


def test_the_brokers_clock() -> None:
    headers = {"date": "Fri, 20 Nov 2026 00:30:00 GMT"}
    assert read_page(200, headers, body()).said_at == datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
    for text in ("", "soon", "Fri, 20 Nov 2026 00:30:00 -0000"):
        assert read_page(200, {"date": text}, body()).said_at is None


@pytest.mark.parametrize("code", ["EGW00123", "EGW00121"])
def test_a_refused_token(code) -> None:
    with pytest.raises(KXTAPIError) as caught:
        read_page(500, {}, json.dumps({"rt_cd": "1", "msg_cd": code}).encode())
    assert (caught.value.code, caught.value.status) == (code, 500)
    assert is_token_refused(caught.value)
    assert not is_rate_limited(caught.value)


def test_too_many_calls() -> None:
    with pytest.raises(KXTAPIError) as caught:
        read_page(500, {}, b'{"rt_cd": "1", "msg_cd": "EGW00201", "msg1": "\\ucd08\\ub2f9"}')
    assert is_rate_limited(caught.value)
    assert not is_token_refused(caught.value)


def test_other_refusals() -> None:
    with pytest.raises(KXTAPIError, match="INPUT FIELD") as caught:
        read_page(200, {}, b'{"rt_cd": "2", "msg_cd": "OPSQ2001", "msg1": "INPUT FIELD"}')
    assert caught.value.code == "OPSQ2001"
    with pytest.raises(KXTAuthenticationError):
        read_page(500, {}, b'{"rt_cd": "1", "msg_cd": "EGW02004"}')
    with pytest.raises(KXTAPIError):  # keys are not the only input of this call
        read_page(404, {}, b'{"rt_cd": "1", "msg_cd": "UNKNOWN"}')
    with pytest.raises(KXTAPIError, match="HTTP 503"):
        read_page(503, {}, b"<html>")
    assert not is_token_refused(KXTProtocolError("x"))
    assert not is_rate_limited(KXTProtocolError("x"))


@pytest.mark.parametrize(
    "answer", [b"", b"{}", b"[]", b'{"rt_cd": "0"}', b'{"rt_cd": "0", "output1": {}}']
)
def test_success_that_is_none(answer) -> None:
    with pytest.raises(KXTProtocolError, match="inquiry"):
        read_page(200, {}, answer)


@given(st.integers(1, 10**10 - 1), st.integers(0, 12))
def test_order_numbers_have_one_form(number, zeros) -> None:
    assert order_number("0" * zeros + str(number)) == f"{number:010d}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(ROW)), JSON))
def test_no_row_raises_anything_else(changes) -> None:
    try:
        read = row(**changes)
    except KXTProtocolError:
        return
    assert read.filled_quantity >= 0
    assert len(read.order_id) == 10


@given(
    st.integers(100, 599), st.binary(max_size=60) | JSON.map(lambda v: json.dumps(v).encode())
)
def test_no_answer_raises_anything_else(status, answer) -> None:
    with pytest.raises((KXTProtocolError, KXTAPIError)):
        read_page(status, {}, answer)
