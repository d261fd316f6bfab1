"""The daily order inquiry (주식일별주문체결조회): what to ask and what comes back.

``GET /uapi/domestic-stock/v1/trading/inquire-daily-ccld``, official sheets of TTTC0081R
and VTTC0081R.  An answer has one row per *order*, amendments and cancellations included,
with the sums of what was executed and never the single executions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeGuard

import attrs

from kxt_trio.errors import KXTProtocolError, KXTValidationError
from kxt_trio.models import AccountSummary
from kxt_trio.settings import Environment

from .order_row import OrderRow, is_blank_row, read_order_row, shares_of
from .rest_answers import OK, RestAnswer, broker_time, read_answer, refusal_error
from .structure import is_object

__all__ = [
    "INQUIRY_PATH",
    "InquiryPage",
    "InquiryRequest",
    "InquirySums",
    "PageKey",
    "PageReader",
]

INQUIRY_PATH = "/uapi/domestic-stock/v1/trading/inquire-daily-ccld"

# Orders of the last three months; paper ids start with V.
_TR_IDS = {Environment.REAL: "TTTC0081R", Environment.PAPER: "VTTC0081R"}

# Where NXT and SOR orders are asked for by name only, ALL has them; paper knows KRX only.
_VENUES = {Environment.REAL: "ALL", Environment.PAPER: "KRX"}

_MORE = frozenset({"F", "M"})
_LAST = frozenset({"D", "E"})


@attrs.frozen
class PageKey:
    """Where the next page begins, exactly as the broker wrote it, its blanks included.

    The broker repeats the question in it, the account number included, so nothing of it
    is in ``repr``.
    """

    fk: str = attrs.field(default="", repr=False)
    nk: str = attrs.field(default="", repr=False)


_FIRST = PageKey()


@attrs.frozen(kw_only=True)
class InquiryRequest:
    """What to ask.

    Attributes:
        account: The account, product code included.
        first: First trade date, in Korea.
        last: Last trade date.
        environment: Real or paper trading.
        order_id: One order alone; None for all.
    """

    account: AccountSummary
    first: date
    last: date
    environment: Environment = Environment.REAL
    order_id: str | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what the broker would refuse."""
        if self.account.product_code is None:
            raise KXTValidationError(
                "an inquiry needs the account's product code, such as '01'"
            )
        if self.first > self.last:
            raise KXTValidationError("the first day of an inquiry is after the last")

    def parameters(self, after: PageKey | None = None) -> dict[str, str]:
        """Return the query; ``after`` is the key on the page before.

        Rows are asked for oldest first, so that what is ordered meanwhile comes at the end
        and moves no row to another page.
        """
        return {
            "CANO": self.account.account_id,
            "ACNT_PRDT_CD": self.account.product_code or "",
            "INQR_STRT_DT": f"{self.first:%Y%m%d}",
            "INQR_END_DT": f"{self.last:%Y%m%d}",
            "SLL_BUY_DVSN_CD": "00",
            "PDNO": "",
            "ORD_GNO_BRNO": "",
            "ODNO": self.order_id or "",
            "CCLD_DVSN": "00",
            "INQR_DVSN": "01",
            "INQR_DVSN_1": "",
            "INQR_DVSN_3": "00",
            "EXCG_ID_DVSN_CD": _VENUES[self.environment],
            "CTX_AREA_FK100": (after or _FIRST).fk,
            "CTX_AREA_NK100": (after or _FIRST).nk,
        }

    def headers(
        self, app_key: str, app_secret: str, access_token: str, after: PageKey | None = None
    ) -> dict[str, str]:
        """Return the headers that go with :meth:`parameters`."""
        return {
            "authorization": f"Bearer {access_token}",
            "appkey": app_key,
            "appsecret": app_secret,
            "tr_id": _TR_IDS[self.environment],
            "tr_cont": "" if after is None else "N",
            "custtype": "P",
        }


@attrs.frozen
class InquirySums:
    """What the broker says that the rows come to, in shares; None where it does not."""

    ordered: int | None = None
    filled: int | None = None


@attrs.frozen(kw_only=True)
class InquiryPage:
    """One answer.

    Attributes:
        rows: The orders that could be read.
        faults: What was wrong with each row that could not; quotes nothing of it.
        tr_cont: The broker's word on what follows.
        key: Where the next page begins.
        said_at: The broker's clock, from the HTTP ``Date``; None if it did not say.
        sums: What all rows come to; of the page or of all pages, nobody knows which.
    """

    rows: tuple[OrderRow, ...]
    faults: tuple[str, ...]
    tr_cont: str
    key: PageKey
    said_at: datetime | None
    sums: InquirySums = InquirySums()

    @property
    def bad_rows(self) -> int:
        """How many rows could not be read."""
        return len(self.faults)

    @property
    def more(self) -> bool:
        """The broker has more pages."""
        return self.tr_cont in _MORE

    @property
    def last(self) -> bool:
        """The broker says that this is the last page.

        A page that is neither this nor :attr:`more` ends an inquiry too, but then nobody
        knows whether all was told.
        """
        return self.tr_cont in _LAST

    @property
    def ends_in_silence(self) -> bool:
        """The broker says nothing of what follows, and not where it would begin."""
        return not self.tr_cont and not self.key.nk.strip()


class PageReader:
    """Reads an answer, so many rows at a time: a page can have a hundred.

    A row that cannot be read costs the others nothing: it is counted in
    :attr:`InquiryPage.faults`.  One that names no order and has no fills is left out.

    Args:
        status: The HTTP status.
        headers: The answer's headers, names in lower case.
        body: The answer.

    Raises:
        KXTAuthenticationError: the app key or the app secret is refused.
        KXTAPIError: refused for another reason.  :func:`.is_token_refused` and
            :func:`.is_rate_limited` tell the two that a caller can do something about.
        KXTProtocolError: success, but no list of orders.
    """

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        answer = read_answer(status, body, _Answer, "inquiry")
        if status != OK or answer.rt_cd != "0":
            if status == OK and answer.rt_cd is None and answer.code is None:
                raise KXTProtocolError("inquiry: HTTP 200 without an rt_cd")
            raise refusal_error(status, answer, "order inquiry")
        if not _is_list(answer.output1):
            raise KXTProtocolError("inquiry: output1 is not a list")
        self._answer = answer
        self._headers = headers
        self._values = answer.output1
        self._at = 0
        self._rows: list[OrderRow] = []
        self._faults: list[str] = []

    def read_rows(self, most: int) -> bool:
        """Read so many rows; say whether there are more."""
        start, self._at = self._at, self._at + most
        for number, value in enumerate(self._values[start : self._at], start):
            try:
                self._rows.append(read_order_row(value, f"inquiry row {number}"))
            except KXTProtocolError as exc:
                if not is_blank_row(value):
                    self._faults.append(str(exc))
        return self._at < len(self._values)

    def page(self) -> InquiryPage:
        """Return the page, all its rows read."""
        assert self._at >= len(self._values)
        answer = self._answer
        return InquiryPage(
            rows=tuple(self._rows),
            faults=tuple(self._faults),
            tr_cont=self._headers.get("tr_cont", "").strip(),
            key=PageKey(answer.ctx_area_fk100 or "", answer.ctx_area_nk100 or ""),
            said_at=broker_time(self._headers),
            sums=_sums(answer.output2),
        )


def _sums(value: object) -> InquirySums:
    if _is_list(value) and value:
        value = value[0]
    if not is_object(value):
        return InquirySums()
    return InquirySums(
        ordered=shares_of(value.get("tot_ord_qty")), filled=shares_of(value.get("tot_ccld_qty"))
    )


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


@attrs.frozen(repr=False)
class _Answer(RestAnswer):
    rt_cd: str | None = None
    output1: Any = None
    output2: Any = None
    ctx_area_fk100: str | None = None
    ctx_area_nk100: str | None = None
