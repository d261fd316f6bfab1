"""The daily order inquiry (주식일별주문체결조회, inquire-daily-ccld).  Sans-IO.

One row per order, amendments and cancellations included, with sums and never single
executions: official sheet of TTTC0081R and VTTC0081R.  Pages are cut by position, so a
row that appears in front (newest first) shifts those behind it onto the next page.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

import attrs

from kxt_trio.errors import KXTValidationError
from kxt_trio.models import AccountSummary, OrderAction, Side, Venue
from kxt_trio.settings import Environment

from .exchange import Exchange
from .notice_layouts import symbol_name
from .orders import Order, Totals

__all__ = ["DailyInquiry", "InquiryPage"]

_PAGE_ROWS = {Environment.REAL: 100, Environment.PAPER: 15}
_CONTEXT_WIDTH = 100
_REQUIRED = ("CANO", "ACNT_PRDT_CD", "INQR_STRT_DT", "INQR_END_DT", "CCLD_DVSN", "INQR_DVSN")
_SIDES = {Side.SELL: ("01", "현금매도"), Side.BUY: ("02", "현금매수")}
_TYPE_NAMES = {"00": "지정가", "01": "시장가", "02": "조건부지정가", "03": "최유리지정가"}
_VENUES = {Venue.KRX: "KRX", Venue.NXT: "NXT", Venue.SOR_KRX: "SOR", Venue.SOR_NXT: "SOR"}
_ALL = "00"
#: Where the router trades, in turn, if an order is to be listed by venue.
_SPLIT_OVER = ("KRX", "NXT")
_REFUSED_DAY = {"rt_cd": "7", "msg_cd": "KIER2570", "msg1": "조회일자를 확인하십시오"}


@attrs.frozen
class InquiryPage:
    """One answer; ``tr_cont`` F and M promise more, D and E end the inquiry."""

    tr_cont: str
    body: Mapping[str, object]


class DailyInquiry:
    """Answers inquiries from the exchange's truth.

    Attributes:
        truncated: Pages to come that lose the second half of their rows.
        shifts: By how many rows each following continuation misses its place.
        hidden: No rows are listed, beside sums that are true.
        refused_days: A question about one of these days, or a range with one, is refused.
    """

    def __init__(self, exchange: Exchange, environment: Environment) -> None:
        self._exchange = exchange
        self._environment = environment
        self.truncated: int = 0
        self.shifts: deque[int] = deque()
        self.hidden: bool = False
        self.refused_days: set[date] = set()

    def answer(self, query: Mapping[str, str], *, continued: bool, until: float) -> InquiryPage:
        """Return the page asked for, as things stood at ``until`` on trio's clock.

        Raises:
            KXTValidationError: a parameter is missing or unusable; names it.
        """
        rows = self._rows(query, until)
        if any(_is_within(query, day) for day in self.refused_days):
            return InquiryPage("", _REFUSED_DAY)
        if self.hidden:
            return InquiryPage("D", _body(query, [], rows, following=None))
        start = self._start(query) if continued else 0
        end = start + _PAGE_ROWS[self._environment]
        page = rows[start:end]
        if self.truncated:
            self.truncated -= 1
            page = page[: len(page) // 2]
        more = end < len(rows)
        last_code, more_code = ("E", "M") if continued else ("D", "F")
        return InquiryPage(
            more_code if more else last_code,
            _body(query, page, rows, following=end if more else None),
        )

    def _start(self, query: Mapping[str, str]) -> int:
        position = query.get("CTX_AREA_NK100", "").strip()
        if not position.isdigit():
            raise KXTValidationError("CTX_AREA_NK100")
        if query.get("CTX_AREA_FK100", "").strip() != _fingerprint(query):
            raise KXTValidationError("CTX_AREA_FK100")
        shift = self.shifts.popleft() if self.shifts else 0
        return max(0, int(position) + shift)

    def _rows(self, query: Mapping[str, str], until: float) -> list[dict[str, str]]:
        for name in _REQUIRED:
            if not query.get(name):
                raise KXTValidationError(name)
        account = AccountSummary.parse(query["CANO"], query["ACNT_PRDT_CD"])
        first, last = _day(query, "INQR_STRT_DT"), _day(query, "INQR_END_DT")
        keeps = _filters(query, self._environment)
        rows = [
            row
            for order in self._exchange.orders(first, last, account)
            if order.placed.at <= until
            for row in _rows_of(order, until)
        ]
        rows = [row for row in rows if all(keep(row) for keep in keeps)]
        return rows if query["INQR_DVSN"] == "01" else rows[::-1]


def _is_within(query: Mapping[str, str], day: date) -> bool:
    return _day(query, "INQR_STRT_DT") <= day <= _day(query, "INQR_END_DT")


def _body(
    query: Mapping[str, str],
    page: list[dict[str, str]],
    rows: list[dict[str, str]],
    *,
    following: int | None,
) -> dict[str, object]:
    context = "" if following is None else f"{following:010d}"
    return {
        "ctx_area_fk100": _fingerprint(query).ljust(_CONTEXT_WIDTH),
        "ctx_area_nk100": context.ljust(_CONTEXT_WIDTH),
        "output1": page,
        "output2": _sums(rows),
        "rt_cd": "0",
        "msg_cd": "KIOK0460" if following is None else "KIOK0510",
        "msg1": "조회가 완료되었습니다",
    }


def _filters(
    query: Mapping[str, str], environment: Environment
) -> list[Callable[[dict[str, str]], bool]]:
    keeps: list[Callable[[dict[str, str]], bool]] = []
    if (side := query.get("SLL_BUY_DVSN_CD", _ALL)) != _ALL:
        keeps.append(lambda row: row["sll_buy_dvsn_cd"] == side)
    if symbol := query.get("PDNO"):
        keeps.append(lambda row: row["pdno"] == symbol)
    if number := query.get("ODNO"):
        keeps.append(lambda row: row["odno"].lstrip("0") == number.lstrip("0"))
    if (filled := query["CCLD_DVSN"]) != _ALL:
        field = "tot_ccld_qty" if filled == "01" else "rmn_qty"
        keeps.append(lambda row: row[field] != "0")
    venue = query.get("EXCG_ID_DVSN_CD") or "KRX"
    if environment is Environment.PAPER and venue != "KRX":
        raise KXTValidationError("EXCG_ID_DVSN_CD")
    if venue != "ALL":
        keeps.append(lambda row: row["excg_id_dvsn_Cd"] == venue)
    return keeps


def _day(query: Mapping[str, str], name: str) -> date:
    try:
        return datetime.strptime(query[name], "%Y%m%d").date()  # noqa: DTZ007  # a date
    except ValueError:
        raise KXTValidationError(name) from None


def _fingerprint(query: Mapping[str, str]) -> str:
    names = (*_REQUIRED, "SLL_BUY_DVSN_CD", "PDNO", "ODNO", "EXCG_ID_DVSN_CD")
    return "^".join(query.get(name, "") for name in names)


def _reported(order: Order, until: float) -> Totals:
    totals = order.totals(until)
    if order.misreported_totals is None:
        return totals
    quantity, amount = order.misreported_totals
    return attrs.evolve(totals, quantity=quantity, amount=amount)


def _rows_of(order: Order, until: float) -> list[dict[str, str]]:
    """The order's row; of one that is split, one for each venue that traded."""
    row = _row(order, _reported(order, until))
    if order.garbled:
        row["tot_ccld_qty"] = "?"
    if not order.split:
        return [row]
    done = [one for one in order.executions if one.moment.at <= until]
    rows: list[dict[str, str]] = []
    for turn, venue in enumerate(_SPLIT_OVER):
        part = done[turn :: len(_SPLIT_OVER)]
        quantity = sum(one.quantity for one in part)
        amount = sum(one.quantity * one.price for one in part)
        totals = {"tot_ccld_qty": str(quantity), "tot_ccld_amt": str(amount)}
        if part or not turn:
            average = {"avg_prvs": str(_average(amount, quantity))}
            rows.append({**row, **totals, **average, "excg_id_dvsn_Cd": venue})
    return rows


def _row(order: Order, totals: Totals) -> dict[str, str]:
    side, side_name = _SIDES[order.side]
    is_request = order.action is OrderAction.CANCEL
    rest = max(0, order.quantity - totals.quantity - totals.withdrawn - totals.rejected)
    finished = is_request or order.misreported_finished
    return {
        "ord_dt": f"{order.day:%Y%m%d}",
        "ord_gno_brno": "06010",
        "odno": order.order_id,
        "orgn_odno": "" if order.original is None else order.original.order_id,
        "ord_dvsn_name": _TYPE_NAMES.get(order.order_type, ""),
        "sll_buy_dvsn_cd": side,
        "sll_buy_dvsn_cd_name": side_name,
        "pdno": order.symbol,
        "prdt_name": symbol_name(order.symbol),
        "ord_qty": str(order.quantity),
        "ord_unpr": str(order.price),
        "ord_tmd": f"{order.placed.wall:%H%M%S}",
        "tot_ccld_qty": str(totals.quantity),
        "avg_prvs": str(_average(totals.amount, totals.quantity)),
        "cncl_yn": "Y" if is_request or totals.cancelled else "N",
        "tot_ccld_amt": str(totals.amount),
        "loan_dt": "",
        "ordr_empno": "OpnAPI",
        "ord_dvsn_cd": order.order_type,
        "cnc_cfrm_qty": str(order.quantity if is_request else totals.withdrawn),
        "rmn_qty": "0" if finished else str(rest),
        "rjct_qty": str(totals.rejected),
        "ccld_cndt_name": "없음",
        "inqr_ip_addr": "",
        "cpbc_ordp_ord_rcit_dvsn_cd": "",
        "cpbc_ordp_infm_mthd_dvsn_cd": "",
        "infm_tmd": "",
        "ctac_tlno": "",
        "prdt_type_cd": "300",
        "excg_dvsn_cd": "02",
        "cpbc_ordp_mtrl_dvsn_cd": "",
        "ord_orgno": "00950",
        "rsvn_ord_end_dt": "",
        "excg_id_dvsn_Cd": _VENUES[order.venue],
        "stpm_cndt_pric": "",
        "stpm_efct_occr_dtmd": "",
    }


def _sums(rows: list[dict[str, str]]) -> dict[str, str]:
    quantity = sum(int(row["tot_ccld_qty"]) for row in rows if row["tot_ccld_qty"] != "?")
    amount = sum(int(row["tot_ccld_amt"]) for row in rows)
    return {
        "tot_ord_qty": str(sum(int(row["ord_qty"]) for row in rows)),
        "tot_ccld_qty": str(quantity),
        "tot_ccld_amt": str(amount),
        "prsm_tlex_smtl": "0",
        "pchs_avg_pric": str(_average(amount, quantity)),
    }


def _average(amount: int, quantity: int) -> Decimal:
    # Rounded to whole won, so that nobody can take it for exact.
    if not quantity:
        return Decimal(0)
    return (Decimal(amount) / quantity).quantize(Decimal(1), ROUND_HALF_UP)
