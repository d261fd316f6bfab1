from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from kxt_trio import KST, AccountSummary, Environment, KXTValidationError, OrderAction
from kxt_trio.testing.daily_inquiry import DailyInquiry
from kxt_trio.testing.exchange import Exchange
from kxt_trio.testing.orders import Moment

NINE = datetime(2026, 11, 20, 9, 0, tzinfo=KST)
ACCOUNT = AccountSummary("12345678", "01")
QUERY = {
    "CANO": "12345678",
    "ACNT_PRDT_CD": "01",
    "INQR_STRT_DT": "20261120",
    "INQR_END_DT": "20261120",
    "SLL_BUY_DVSN_CD": "00",
    "PDNO": "",
    "ORD_GNO_BRNO": "",
    "ODNO": "",
    "CCLD_DVSN": "00",
    "INQR_DVSN": "01",
    "INQR_DVSN_1": "",
    "INQR_DVSN_3": "00",
    "EXCG_ID_DVSN_CD": "ALL",
    "CTX_AREA_FK100": "",
    "CTX_AREA_NK100": "",
}


def moment(seconds: float = 0.0) -> Moment:
    return Moment(seconds, NINE + timedelta(seconds=seconds))


class Office:
    def __init__(self, environment: Environment = Environment.REAL) -> None:
        self.exchange = Exchange()
        self.inquiry = DailyInquiry(self.exchange, environment)
        self.query = {**QUERY}
        if environment is Environment.PAPER:
            self.query["EXCG_ID_DVSN_CD"] = "KRX"

    def place(self, at=0.0, *, symbol="005930", quantity=10, **given):
        options = {"side": "buy", "order_type": "00", "venue": "KRX", "account": ACCOUNT}
        return self.exchange.place(
            moment(at), symbol, quantity=quantity, price=69950, **{**options, **given}
        ).order

    def fill(self, order, at=0.0, *, quantity=None, price=None):
        self.exchange.fill(moment(at), order.order_id, quantity=quantity, price=price)

    def ask(self, *, until=1000.0, continued=False, **changes):
        query = {**self.query, **changes}
        return self.inquiry.answer(query, continued=continued, until=until)

    def rows(self, **given):
        return self.ask(**given).body["output1"]

    def numbers(self, **given):
        return [row["odno"] for row in self.rows(**given)]

    def pages(self, **changes):
        page = self.ask(**changes)
        yield page
        while page.tr_cont in "FM":
            context = {
                name: page.body[name.lower()] for name in ("CTX_AREA_FK100", "CTX_AREA_NK100")
            }
            page = self.ask(continued=True, **changes, **context)
            yield page


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_row_has_sums_and_no_executions(office):
    order = office.place()
    office.fill(order, quantity=4, price=69940)
    office.fill(order, quantity=3, price=69950)
    (row,) = office.rows()
    expected = {
        "ord_dt": "20261120",
        "odno": "0000000001",
        "orgn_odno": "",
        "sll_buy_dvsn_cd": "02",
        "pdno": "005930",
        "prdt_name": "삼성전자",
        "ord_qty": "10",
        "ord_unpr": "69950",
        "ord_tmd": "090000",
        "tot_ccld_qty": "7",
        "tot_ccld_amt": str(4 * 69940 + 3 * 69950),
        "avg_prvs": "69944",
        "rmn_qty": "3",
        "cncl_yn": "N",
        "cnc_cfrm_qty": "0",
        "rjct_qty": "0",
        "excg_id_dvsn_Cd": "KRX",
    }
    assert expected.items() <= row.items()


def test_changes_have_rows_of_their_own(office):
    order = office.place()
    office.exchange.amend(moment(), order.order_id, quantity=4, price=70000)
    office.exchange.cancel(moment(), order.order_id, quantity=None)
    rejected = office.place()
    office.exchange.reject(moment(), rejected.order_id)
    keys = ("odno", "orgn_odno", "ord_qty", "rmn_qty", "cncl_yn", "cnc_cfrm_qty", "rjct_qty")
    assert [tuple(row[key] for key in keys) for row in office.rows()] == [
        ("0000000001", "", "10", "0", "Y", "10", "0"),
        ("0000000002", "0000000001", "4", "4", "N", "0", "0"),
        ("0000000003", "0000000001", "6", "0", "Y", "6", "0"),
        ("0000000004", "", "10", "0", "N", "0", "10"),
    ]


def test_an_amended_order_is_not_called_cancelled(office):
    order = office.place()
    office.exchange.amend(moment(), order.order_id, quantity=None, price=70000)
    first, _ = office.rows()
    assert (first["rmn_qty"], first["cncl_yn"]) == ("0", "N")


def test_it_shows_how_things_stood(office):
    order = office.place(at=1)
    office.fill(order, at=2, quantity=4)
    office.fill(order, at=3, quantity=1)
    office.exchange.cancel(moment(4), order.order_id, quantity=None)
    assert office.rows(until=0.9) == []
    seen = [office.rows(until=until)[0] for until in (1, 2, 3, 4)]
    assert [row["tot_ccld_qty"] for row in seen] == ["0", "4", "5", "5"]
    assert [row["rmn_qty"] for row in seen] == ["10", "6", "5", "0"]


def test_a_finished_row_may_be_false(office):
    order = office.place()
    order.misreported_finished = True
    assert office.rows()[0]["rmn_qty"] == "0"
    office.fill(order)
    assert office.rows()[0]["tot_ccld_qty"] == "10"


def test_totals_may_be_false_and_what_is_left_with_them(office):
    order = office.place()
    office.fill(order, quantity=4)
    order.misreported_totals = (10, 7_000)
    row = office.rows()[0]
    assert (row["tot_ccld_qty"], row["tot_ccld_amt"], row["rmn_qty"]) == ("10", "7000", "0")
    assert order.totals().quantity == 4


@pytest.mark.parametrize(
    ("environment", "size"), [(Environment.REAL, 100), (Environment.PAPER, 15)]
)
def test_pages(environment, size):
    office = Office(environment)
    for _ in range(2 * size + 1):
        office.place()
    pages = list(office.pages())
    assert [page.tr_cont for page in pages] == ["F", "M", "E"]
    assert [len(page.body["output1"]) for page in pages] == [size, size, 1]
    numbers = [row["odno"] for page in pages for row in page.body["output1"]]
    assert numbers == sorted(set(numbers))
    context = pages[0].body["ctx_area_nk100"]
    assert len(context) == 100
    assert context.endswith(" ")


def test_one_full_page_is_the_last(office):
    for _ in range(100):
        office.place()
    assert [page.tr_cont for page in office.pages()] == ["D"]


def test_newest_first(office):
    office.place()
    office.place()
    assert office.numbers(INQR_DVSN="00") == ["0000000002", "0000000001"]


def test_new_rows_shift_descending_pages_but_not_ascending_ones(office):
    for _ in range(150):
        office.place()
    for direction, repeated in (("00", 1), ("01", 0)):
        pages = office.pages(INQR_DVSN=direction)
        numbers = [row["odno"] for row in next(pages).body["output1"]]
        office.place()
        for page in pages:
            numbers += [row["odno"] for row in page.body["output1"]]
        assert len(numbers) - len(set(numbers)) == repeated


def test_filters(office):
    bought = office.place()
    sold = office.place(side="sell", symbol="000660")
    routed = office.place(venue="SOR-NXT")
    office.fill(sold)
    office.fill(bought, quantity=1)
    one, two, three = bought.order_id, sold.order_id, routed.order_id
    assert office.numbers(SLL_BUY_DVSN_CD="01") == [two]
    assert office.numbers(SLL_BUY_DVSN_CD="02") == [one, three]
    assert office.numbers(PDNO="000660") == [two]
    assert office.numbers(ODNO="3") == office.numbers(ODNO=three) == [three]
    assert office.numbers(CCLD_DVSN="01") == [one, two]
    assert office.numbers(CCLD_DVSN="02") == [one, three]
    assert office.numbers(EXCG_ID_DVSN_CD="KRX") == [one, two]
    assert office.numbers(EXCG_ID_DVSN_CD="SOR") == [three]
    assert office.numbers(EXCG_ID_DVSN_CD="NXT") == []


def test_other_days_and_other_accounts_are_out(office):
    office.place()
    office.place(account=AccountSummary("87654321", "01"))
    office.place(at=86400)
    assert office.numbers(until=1e6) == ["0000000001"]
    assert [
        (row["ord_dt"], row["odno"]) for row in office.rows(until=1e6, INQR_END_DT="20261121")
    ] == [("20261120", "0000000001"), ("20261121", "0000000001")]
    assert office.numbers(CANO="87654321") == ["0000000002"]


def test_the_sums(office):
    for _ in range(2):
        office.fill(office.place(), quantity=4)
    sums = office.ask().body["output2"]
    assert (sums["tot_ord_qty"], sums["tot_ccld_qty"]) == ("20", "8")
    assert sums["tot_ccld_amt"] == str(8 * 69950)


def test_truncated_pages_lose_rows_and_say_nothing(office):
    for _ in range(101):
        office.place()
    office.inquiry.truncated = 1
    first, second = office.pages()
    assert (len(first.body["output1"]), first.tr_cont) == (50, "F")
    assert [row["odno"] for row in second.body["output1"]] == ["0000000101"]


@pytest.mark.parametrize(("by", "first"), [(1, "0000000102"), (-1, "0000000100")])
def test_shifted_pages(office, by, first):
    for _ in range(150):
        office.place()
    office.inquiry.shifts.append(by)
    _, second = office.pages()
    assert second.body["output1"][0]["odno"] == first


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"CANO": ""}, "CANO"),
        ({"INQR_STRT_DT": "today"}, "INQR_STRT_DT"),
        ({"INQR_DVSN": ""}, "INQR_DVSN"),
    ],
)
def test_parameters_that_are_missing_or_unusable(office, changes, name):
    with pytest.raises(KXTValidationError, match=name):
        office.ask(**changes)


def test_a_continuation_needs_the_context_of_the_same_inquiry(office):
    for _ in range(101):
        office.place()
    page = office.ask()
    with pytest.raises(KXTValidationError, match="NK100"):
        office.ask(continued=True)
    with pytest.raises(KXTValidationError, match="FK100"):
        office.ask(
            continued=True,
            PDNO="005930",
            CTX_AREA_FK100=page.body["ctx_area_fk100"],
            CTX_AREA_NK100=page.body["ctx_area_nk100"],
        )


def test_paper_accounts_have_one_venue():
    with pytest.raises(KXTValidationError, match="EXCG_ID_DVSN_CD"):
        Office(Environment.PAPER).ask(EXCG_ID_DVSN_CD="ALL")


def test_a_rejected_request_is_a_row(office):
    order = office.place()
    office.exchange.reject_change(moment(), order.order_id, OrderAction.CANCEL)
    _, refused = office.rows()
    assert (refused["rjct_qty"], refused["rmn_qty"]) == ("10", "0")


def test_a_rejection_shows_when_it_happened(office):
    order = office.place(at=1)
    office.exchange.reject(moment(2), order.order_id)
    assert [office.rows(until=until)[0]["rjct_qty"] for until in (1, 2)] == ["0", "10"]


def test_rows_can_be_hidden_beside_their_sums(office):
    office.fill(office.place(), quantity=4)
    office.inquiry.hidden = True
    page = office.ask()
    assert (page.tr_cont, page.body["output1"]) == ("D", [])
    sums = page.body["output2"]
    assert (sums["tot_ord_qty"], sums["tot_ccld_qty"]) == ("10", "4")


def test_a_day_can_be_refused_and_with_it_every_range_that_has_it(office):
    office.place()
    office.inquiry.refused_days.add(date(2026, 11, 20))
    for first in ("20261120", "20261118"):
        page = office.ask(INQR_STRT_DT=first, INQR_END_DT="20261120")
        assert (page.body["rt_cd"], page.body["msg_cd"]) == ("7", "KIER2570")
    assert office.rows(INQR_STRT_DT="20261121", INQR_END_DT="20261121") == []


def test_an_order_can_be_listed_once_for_each_venue(office):
    order = office.place()
    order.split = True
    assert [row["excg_id_dvsn_Cd"] for row in office.rows()] == ["KRX"]
    for quantity, price in ((4, 69940), (3, 69950), (1, 69960)):
        office.fill(order, quantity=quantity, price=price)
    rows = [
        (row["excg_id_dvsn_Cd"], row["tot_ccld_qty"], row["tot_ccld_amt"])
        for row in office.rows()
    ]
    assert rows == [("KRX", "5", str(4 * 69940 + 69960)), ("NXT", "3", str(3 * 69950))]
    assert office.ask().body["output2"]["tot_ccld_qty"] == "8"


def test_a_row_can_be_garbled(office):
    office.fill(office.place(), quantity=4)
    office.exchange.order("0000000001").garbled = True
    (row,) = office.rows()
    assert row["tot_ccld_qty"] == "?"
