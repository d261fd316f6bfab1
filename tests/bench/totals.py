"""The REST side of the bench's broker: approval, token, and totals of what was sent."""

from __future__ import annotations

import json
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fills import Order, fill_at
from wire import KST

_PAGE = 100
_INQUIRY = "/uapi/domestic-stock/v1/trading/inquire-daily-ccld"


class Totals:
    """Quantity and amount of each order, as far as its fills have gone out.

    Added up beforehand, so that an answer takes nothing from the sending.
    """

    def __init__(self, fills: int, cycles: int) -> None:
        self.sent = 0
        self._cycles = cycles
        self._fills: list[list[int]] = []  # of each order
        self._sums: list[tuple[int, int]] = []  # of its order, with each fill
        for index in range(fills):
            self._count(index)

    def _count(self, index: int) -> None:
        fill = fill_at(index, self._cycles)
        place, quantity, amount = fill.order.place, 0, 0
        if place == len(self._fills):
            self._fills.append([])
        else:
            quantity, amount = self._sums[self._fills[place][-1]]
        self._fills[place].append(index)
        self._sums.append((quantity + fill.quantity, amount + fill.quantity * fill.price))

    def orders(self) -> list[tuple[Order, int, int]]:
        """Return each order with what was filled of it, oldest first."""
        sent, found = self.sent, []
        for place, fills in enumerate(self._fills):
            gone = bisect_left(fills, sent)
            if not gone:
                break
            found.append((Order(place, self._cycles), *self._sums[fills[gone - 1]]))
        return found


def _row(order: Order, quantity: int, amount: int, today: str) -> dict[str, str]:
    return {
        "ord_dt": today,
        "ord_gno_brno": "06010",
        "odno": order.order_id,
        "orgn_odno": "",
        "ord_dvsn_name": "지정가",
        "sll_buy_dvsn_cd": order.side,
        "pdno": order.symbol,
        "prdt_name": order.name,
        "ord_qty": str(order.shares),
        "ord_unpr": str(order.price),
        "ord_tmd": "090000",
        "tot_ccld_qty": str(quantity),
        "avg_prvs": str(round(amount / quantity)) if quantity else "0",
        "cncl_yn": "N",
        "tot_ccld_amt": str(amount),
        "ord_dvsn_cd": "00",
        "cnc_cfrm_qty": "0",
        "rmn_qty": str(order.shares - quantity),
        "rjct_qty": "0",
        "excg_id_dvsn_Cd": "KRX",
    }


def answer(head: str, totals: Totals) -> bytes:
    """Return the whole HTTP answer to a request."""
    request, *lines = head.split("\r\n")
    target = urlsplit(request.split(" ")[1])
    headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
    extra = ""
    if target.path == "/oauth2/Approval":
        body: dict[str, Any] = {"approval_key": "8f2c1d6e-0000-4000-8000-000000000001"}
    elif target.path == "/oauth2/tokenP":
        body = _token()
    elif target.path == _INQUIRY:
        query = dict(parse_qsl(target.query, keep_blank_values=True))
        more, body = _page(query, headers.get("tr_cont", "") == "n", totals)
        extra = f"tr_cont: {more}\r\n"
    else:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    content = json.dumps(body, ensure_ascii=False).encode()
    date = format_datetime(datetime.now(UTC), usegmt=True)
    return (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"Date: {date}\r\n{extra}Content-Length: {len(content)}\r\n\r\n"
    ).encode() + content


def _token() -> dict[str, Any]:
    tomorrow = datetime.now(KST) + timedelta(days=1)
    return {
        "access_token": "t" * 350,
        "access_token_token_expired": f"{tomorrow:%Y-%m-%d %H:%M:%S}",
        "token_type": "Bearer",
        "expires_in": 86_400,
    }


def _page(query: dict[str, str], continued: bool, totals: Totals) -> tuple[str, dict[str, Any]]:
    orders = totals.orders()
    if wanted := query.get("ODNO", "").lstrip("0"):
        orders = [one for one in orders if one[0].order_id.lstrip("0") == wanted]
    today = f"{datetime.now(KST):%Y%m%d}"
    if not query.get("INQR_STRT_DT", today) <= today <= query.get("INQR_END_DT", today):
        orders = []
    start = int(query.get("CTX_AREA_NK100", "").strip() or 0) if continued else 0
    end = start + _PAGE
    is_last = end >= len(orders)
    body = {
        "ctx_area_fk100": "12345678^01".ljust(100),
        "ctx_area_nk100": ("" if is_last else str(end)).ljust(100),
        "output1": [_row(*one, today) for one in orders[start:end]],
        "output2": {},
        "rt_cd": "0",
        "msg_cd": "KIOK0460" if is_last else "KIOK0510",
        "msg1": "조회가 완료되었습니다",
    }
    more = ("E" if continued else "D") if is_last else ("M" if continued else "F")
    return more, body
