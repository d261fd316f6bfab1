"""The broker's REST side.  Sans-IO: a request in, an answer out.

Codes, texts and HTTP statuses as clients have reported them: a refused or expired token
and too many calls come with HTTP 500, a refused key with 403.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import format_datetime
from typing import TypeAlias

import attrs

from kxt_trio.errors import KXTValidationError
from kxt_trio.protocol.structure import is_object
from kxt_trio.settings import Credentials, Environment
from kxt_trio.transport.rest import HttpRequest, HttpResponse

from .daily_inquiry import DailyInquiry
from .issued_keys import IssuedKeys
from .orders import Moment

__all__ = ["Outage", "RestCall", "RestDesk"]

_DAILY_INQUIRY = {Environment.REAL: "TTTC0081R", Environment.PAPER: "VTTC0081R"}
_TEXTS = {
    "EGW00102": "AppKey는 필수입니다.",
    "EGW00103": "유효하지 않은 AppKey입니다.",
    "EGW00105": "유효하지 않은 appSecret입니다.",
    "EGW00121": "유효하지 않은 token 입니다.",
    "EGW00123": "기간이 만료된 token 입니다.",
    "EGW00133": "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)",
    "EGW00201": "초당 거래건수를 초과하였습니다.",
    "EGW02004": "실전투자와 모의투자의 TR이 다릅니다.",
}
_OK, _FORBIDDEN, _NOT_FOUND, _SERVER = 200, 403, 404, 500
_SECOND = 1.0


@attrs.frozen
class RestCall:
    """A request that came in, and when on trio's clock."""

    at: float
    request: HttpRequest


@attrs.frozen
class Outage:
    """What a request gets while REST is down: an HTTP status, or no connection."""

    status: int | None = 503


class RestDesk:
    """Answers approval, token and daily order inquiry.

    Attributes:
        calls: Every request, in order.
        calls_per_second: More are refused with ``EGW00201``; None for no limit.
        approval_refusals: Code and HTTP status of the next answers to ``Approval``.
        outages: What the next requests get; ``down`` is what all get.
    """

    def __init__(
        self, credentials: Credentials, keys: IssuedKeys, inquiry: DailyInquiry
    ) -> None:
        self._credentials = credentials
        self._keys = keys
        self._inquiry = inquiry
        self.calls: list[RestCall] = []
        self.calls_per_second: int | None = None
        self.approval_refusals: deque[tuple[str, int]] = deque()
        self.outages: deque[Outage] = deque()
        self.down: Outage | None = None
        self._routes: Mapping[tuple[str, str], _Route] = {
            ("POST", "/oauth2/Approval"): self._approval,
            ("POST", "/oauth2/tokenP"): self._token,
            (
                "GET",
                "/uapi/domestic-stock/v1/trading/inquire-daily-ccld",
            ): self._daily_inquiry,
        }

    def answer(self, request: HttpRequest, moment: Moment, *, lag: float) -> HttpResponse:
        """Answer one request; inquiries show the truth of ``lag`` seconds ago.

        Raises:
            ConnectionRefusedError: REST is down to the point of not even answering.
        """
        self.calls.append(RestCall(moment.at, request))
        response = self._answer(request, moment, lag)
        date = format_datetime(moment.wall.astimezone(UTC), usegmt=True)
        return attrs.evolve(response, headers={**response.headers, "date": date})

    def _answer(self, request: HttpRequest, moment: Moment, lag: float) -> HttpResponse:
        outage = self.outages.popleft() if self.outages else self.down
        if outage is not None:
            if outage.status is None:
                raise ConnectionRefusedError("REST is down")
            return HttpResponse(outage.status, b"<html>Service Unavailable</html>")
        route = self._routes.get((request.method, request.path))
        if route is None:
            return HttpResponse(_NOT_FOUND, b"<html>Not Found</html>")
        if self._is_too_often(moment):
            return _refused_call("EGW00201")
        return route(request, moment, lag)

    def _is_too_often(self, moment: Moment) -> bool:
        if self.calls_per_second is None:
            return False
        recent = sum(1 for call in self.calls if call.at > moment.at - _SECOND)
        return recent > self.calls_per_second

    def _approval(self, request: HttpRequest, moment: Moment, lag: float) -> HttpResponse:
        if self.approval_refusals:
            return _refused_key(*self.approval_refusals.popleft())
        fault = self._fault_of_keys(_json_object(request.body), "secretkey")
        if fault is not None:
            return _refused_key(fault)
        return _json(_OK, {"approval_key": self._keys.issue_approval_key(moment.wall)})

    def _token(self, request: HttpRequest, moment: Moment, lag: float) -> HttpResponse:
        fault = self._fault_of_keys(_json_object(request.body), "appsecret")
        if fault is not None:
            return _refused_key(fault)
        token = self._keys.issue_token(moment.wall)
        if token is None:
            return _refused_key("EGW00133")
        return _json(
            _OK,
            {
                "access_token": token.value,
                "access_token_token_expired": f"{token.expires_at:%Y-%m-%d %H:%M:%S}",
                "token_type": "Bearer",
                "expires_in": int((token.expires_at - moment.wall).total_seconds()),
            },
        )

    def _daily_inquiry(self, request: HttpRequest, moment: Moment, lag: float) -> HttpResponse:
        fault = self._fault_of_call(request, moment)
        if fault is not None:
            return _refused_call(fault)
        try:
            page = self._inquiry.answer(
                request.query,
                continued=request.headers.get("tr_cont", "").strip() == "N",
                until=moment.at - lag,
            )
        except KXTValidationError as exc:
            message = f"ERROR : INPUT FIELD NOT FOUND [{exc}]"
            return _json(_OK, {"rt_cd": "2", "msg_cd": "OPSQ2001", "msg1": message})
        headers = {"tr_cont": page.tr_cont, "tr_id": request.headers["tr_id"]}
        return _json(_OK, page.body, headers)

    def _fault_of_keys(self, body: Mapping[str, object], secret_name: str) -> str | None:
        if not body.get("appkey"):
            return "EGW00102"
        if body["appkey"] != self._credentials.app_key:
            return "EGW00103"
        if body.get(secret_name) != self._credentials.app_secret:
            return "EGW00105"
        return None

    def _fault_of_call(self, request: HttpRequest, moment: Moment) -> str | None:
        headers = request.headers
        keys = {name: headers.get(name) for name in ("appkey", "appsecret")}
        fault = self._fault_of_keys(keys, "appsecret")
        if fault is not None:
            return fault
        token = self._keys.token(headers.get("authorization", "").removeprefix("Bearer "))
        if token is None:
            return "EGW00121"
        if moment.wall >= token.expires_at:
            return "EGW00123"
        if headers.get("tr_id") != _DAILY_INQUIRY[self._credentials.environment]:
            return "EGW02004"
        return None


_Route: TypeAlias = Callable[[HttpRequest, Moment, float], HttpResponse]


def _json_object(body: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if is_object(value) else {}


def _json(
    status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> HttpResponse:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    content_type = {"content-type": "application/json; charset=utf-8"}
    return HttpResponse(status, text.encode(), {**content_type, **(headers or {})})


def _refused_key(code: str, status: int = _FORBIDDEN) -> HttpResponse:
    return _json(
        status,
        {"error_description": _TEXTS.get(code, "요청이 거부되었습니다."), "error_code": code},
    )


def _refused_call(code: str) -> HttpResponse:
    return _json(_SERVER, {"rt_cd": "1", "msg_cd": code, "msg1": _TEXTS[code]})
