"""When the answer to an inquiry is whole."""

from __future__ import annotations

import json

import pytest

from kxt_trio.errors import KXTAPIError
from kxt_trio.protocol.inquiry import PageReader
from kxt_trio.transport.inquiries import DailyOrders
from kxt_trio.transport.rest import TimedPage

ROW = {
    "ord_dt": "20261120",
    "odno": "17",
    "ord_qty": "10",
    "tot_ccld_qty": "4",
    "tot_ccld_amt": "400",
}


def page(*rows, tr_cont="D", nk="", filled=None, ordered=None) -> TimedPage:
    body = {
        "rt_cd": "0",
        "output1": rows,
        "output2": {"tot_ccld_qty": filled, "tot_ord_qty": ordered},
        "ctx_area_nk100": nk,
    }
    reader = PageReader(200, {"tr_cont": tr_cont}, json.dumps(body).encode())
    reader.read_rows(len(rows))
    return TimedPage(reader.page(), 1, 2)


@pytest.mark.parametrize(
    "pages",
    [
        [page()],
        [page(filled="0", ordered="0")],
        [page(ROW)],
        [page(ROW, filled="4", ordered="10")],
        [page(ROW, ROW, filled="4")],  # a row on two pages, or one for each venue
        [page(ROW, tr_cont="F", filled="8"), page(ROW, filled="8")],  # of all pages
        [page(ROW, tr_cont="F", filled="4"), page(ROW, filled="4")],  # of each page
        [page(ROW, tr_cont="", filled="4")],  # not marked, and the sum agrees
        [page(ROW, filled="8")],  # the sheet's labels are shifted: it may be of anything
        [page(ROW, tr_cont="F", filled="8"), page(filled="0")],
    ],
)
def test_whole(pages) -> None:
    assert DailyOrders(tuple(pages)).flaw is None


@pytest.mark.parametrize(
    ("pages", "flaw"),
    [
        ([page(ordered="10")], "no rows"),
        ([page(filled="4")], "no rows"),
        ([page(filled="4", ordered="10")], "no rows"),
        ([page(ROW, {**ROW, "odno": "?"}, filled="4")], "odno"),
        ([page(ROW, tr_cont="")], "not marked"),
        ([page(ROW, tr_cont="", filled="4", nk="17")], "not marked"),
        ([page(tr_cont="")], "not marked"),
        ([page(ROW, tr_cont="F", filled="4")], "not marked"),
    ],
)
def test_not_whole(pages, flaw) -> None:
    said = DailyOrders(tuple(pages)).flaw
    assert said is not None
    assert flaw in said


def test_a_page_that_did_not_come() -> None:
    assert DailyOrders((page(ROW, tr_cont="F"),), KXTAPIError("no more")).flaw == "no more"
