"""The REST side: what comes back, what cannot, and in which words."""

from __future__ import annotations

import json
import socket
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import httpx
import pytest
import trio

from kxt_trio.errors import (
    KXTAPIError,
    KXTAuthenticationError,
    KXTConnectionError,
    KXTError,
    KXTProtocolError,
    KXTTimeoutError,
)
from kxt_trio.models import AccountSummary
from kxt_trio.protocol.inquiry import InquiryRequest, PageReader
from kxt_trio.protocol.token import Token
from kxt_trio.settings import Credentials, Environment
from kxt_trio.transport import rest
from kxt_trio.transport.rest import HttpRequest, HttpResponse, open_rest_client, respond_with

KEY, SECRET, APPROVAL = "PSkey0key0", "c2VjcmV0c2VjcmV0", "1f0e-approval-key"
CREDENTIALS = Credentials(app_key=KEY, app_secret=SECRET)
URL = "https://rest.test:9443"


def answering(status: int, body: Any, log: list[HttpRequest] | None = None):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def respond(request: HttpRequest) -> HttpResponse:
        await trio.lowlevel.checkpoint()
        if log is not None:
            log.append(request)
        return HttpResponse(status, data)

    return respond_with(respond)


async def issue(
    transport: httpx.AsyncBaseTransport | None, *, url: str = URL, timeout: float = 5
) -> str:
    async with open_rest_client(
        CREDENTIALS, url, transport=transport, timeout=timeout
    ) as client:
        return await client.issue_approval_key()


async def failure(
    transport: httpx.AsyncBaseTransport | None, *, url: str = URL, timeout: float = 5
) -> KXTError:
    """Return how asking for a key failed; no form of it may show a secret."""
    with pytest.raises(KXTError) as caught:
        await issue(transport, url=url, timeout=timeout)
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(error)
    for secret in (KEY, SECRET, APPROVAL):
        assert secret not in shown
    return error


# -- answers ----------------------------------------------------------------------------


async def test_the_keys_are_exchanged_for_an_approval_key():
    asked: list[HttpRequest] = []
    assert await issue(answering(200, {"approval_key": APPROVAL}, asked)) == APPROVAL
    [request] = asked
    assert (request.method, request.path, request.query) == ("POST", "/oauth2/Approval", {})
    assert request.headers["host"] == "rest.test:9443"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {
        "grant_type": "client_credentials",
        "appkey": KEY,
        "secretkey": SECRET,
    }
    assert SECRET not in repr(request)


async def test_a_client_can_ask_again():
    async with open_rest_client(
        CREDENTIALS, URL, transport=answering(200, {"approval_key": APPROVAL}), timeout=5
    ) as client:
        assert await client.issue_approval_key() == await client.issue_approval_key()


@pytest.mark.parametrize("status", [403, 500])
async def test_refused_keys_are_the_settings_fault(status: int):
    answer = {"error_code": "EGW00103", "error_description": "유효하지 않은 AppKey입니다."}
    error = await failure(answering(status, answer))
    assert isinstance(error, KXTAuthenticationError)
    assert error.code == "EGW00103"
    assert "유효하지 않은 AppKey입니다." in str(error)


async def test_too_many_calls_are_a_refusal_for_now():
    answer = {"error_code": "EGW00133", "error_description": "1분당 1회"}
    error = await failure(answering(403, answer))
    assert isinstance(error, KXTAPIError)
    assert (error.code, error.status) == ("EGW00133", 403)


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_server_in_trouble_is_a_refusal_for_now(status: int):
    error = await failure(answering(status, b"<html>Bad Gateway</html>"))
    assert isinstance(error, KXTAPIError)
    assert error.status == status
    assert isinstance(error.__cause__, KXTProtocolError)


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", {}, {"approval_key": None}])
async def test_a_success_without_a_key_is_nonsense(body: Any):
    assert isinstance(await failure(answering(200, body)), KXTProtocolError)


# -- respond_with -----------------------------------------------------------------------


async def test_a_responder_sees_the_request_and_gives_the_response():
    async def respond(request: HttpRequest) -> HttpResponse:
        await trio.lowlevel.checkpoint()
        assert request.query == {"CANO": "12345678", "q": "가 나"}
        assert request.headers["tr_id"] == "TTTC0081R"
        assert request.body == b""
        return HttpResponse(418, b"teapot", {"tr_cont": "M"})

    async with httpx.AsyncClient(transport=respond_with(respond), base_url=URL) as http:
        response = await http.get(
            "/orders", params={"CANO": "12345678", "q": "가 나"}, headers={"TR_ID": "TTTC0081R"}
        )
    assert (response.status_code, response.content) == (418, b"teapot")
    assert response.headers["tr_cont"] == "M"


async def test_a_responder_that_raises_an_os_error_is_a_host_out_of_reach():
    async def respond(_: HttpRequest) -> HttpResponse:
        await trio.lowlevel.checkpoint()
        raise OSError("no such host")

    error = await failure(respond_with(respond))
    assert type(error) is KXTConnectionError


async def test_a_bug_in_a_responder_is_not_disguised():
    async def respond(_: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await issue(respond_with(respond))


async def test_a_cancelled_call_is_over(autojump_clock):
    async def respond(_: HttpRequest) -> HttpResponse:
        await trio.sleep_forever()
        raise AssertionError

    with trio.move_on_after(3) as scope:
        await issue(respond_with(respond))
    assert scope.cancelled_caught
    assert trio.current_time() == 3


async def test_a_long_page_holds_up_nobody(monkeypatch):
    """Others have a turn before it is read and after every few rows: a fill may be waiting."""
    row = {"ord_dt": "20261120", "odno": "17", "tot_ccld_qty": "4", "tot_ccld_amt": "400"}
    question = InquiryRequest(
        account=AccountSummary("12345678", "01"),
        first=date(2026, 11, 20),
        last=date(2026, 11, 20),
        environment=Environment.REAL,
    )
    token = Token("token", datetime.max.replace(tzinfo=UTC))
    reader, turns, turns_at = trio.lowlevel.current_task(), 0, []

    class Turns(trio.abc.Instrument):
        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            nonlocal turns
            turns += task is reader

    class Noting(PageReader):
        def __init__(self, *answer: Any) -> None:
            turns_at.append(turns)
            super().__init__(*answer)

        def read_rows(self, most: int) -> bool:
            turns_at.append(turns)
            return super().read_rows(most)

    async def answer(_: HttpRequest) -> HttpResponse:
        await trio.lowlevel.checkpoint()
        turns_at.append(turns)
        body = json.dumps({"rt_cd": "0", "output1": [row] * 100}).encode()
        return HttpResponse(200, body)

    monkeypatch.setattr(rest, "PageReader", Noting)
    trio.lowlevel.add_instrument(Turns())
    transport = respond_with(answer)
    async with open_rest_client(CREDENTIALS, URL, transport=transport, timeout=5) as client:
        timed = await client.ask_daily_orders(question, token)
    assert len(timed.page.rows) == 100
    assert len(turns_at) == 1 + 1 + 25  # the answer, what it says, four rows each
    assert len(set(turns_at)) == len(turns_at)


# -- faults of the network --------------------------------------------------------------


class Failing(httpx.AsyncBaseTransport):
    """A transport on which every call fails so."""

    def __init__(self, error: type[httpx.TransportError]) -> None:
        self._error = error

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await trio.lowlevel.checkpoint()
        raise self._error(f"to {request.url} with {request.content!r}", request=request)


@pytest.mark.parametrize(
    "error", [httpx.ConnectTimeout, httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout]
)
async def test_a_call_that_takes_too_long_is_a_timeout(error: type[httpx.TransportError]):
    with pytest.raises(KXTTimeoutError, match=r"rest\.test/oauth2/Approval") as caught:
        await issue(Failing(error))
    assert type(caught.value.__cause__) is error
    assert SECRET not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError,
        httpx.ReadError,
        httpx.WriteError,
        httpx.RemoteProtocolError,
        httpx.ProxyError,
        httpx.UnsupportedProtocol,
    ],
)
async def test_a_call_that_breaks_is_a_connection_error(error: type[httpx.TransportError]):
    with pytest.raises(KXTConnectionError, match=error.__name__) as caught:
        await issue(Failing(error))
    assert type(caught.value) is KXTConnectionError
    assert type(caught.value.__cause__) is error
    assert SECRET not in str(caught.value) + repr(caught.value)


# -- over TCP, on the real clock --------------------------------------------------------


async def listen(
    nursery: trio.Nursery, behave: Callable[[trio.SocketStream], Awaitable[None]]
) -> str:
    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            request = b""
            while SECRET.encode() not in request:
                request += await stream.receive_some()
            await behave(stream)

    [listener] = await nursery.start(
        partial(trio.serve_tcp, serve, 0, host="127.0.0.1", handler_nursery=nursery)
    )
    return f"http://127.0.0.1:{listener.socket.getsockname()[1]}"


async def test_the_real_transport_brings_the_key(nursery: trio.Nursery):
    body = json.dumps({"approval_key": APPROVAL}).encode()

    async def behave(stream: trio.SocketStream) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        await stream.send_all(head.encode() + body)

    assert await issue(None, url=await listen(nursery, behave)) == APPROVAL


async def test_a_server_that_never_answers_is_a_timeout(nursery: trio.Nursery):
    async def behave(_: trio.SocketStream) -> None:
        await trio.sleep_forever()

    error = await failure(None, url=await listen(nursery, behave), timeout=0.1)
    assert isinstance(error, KXTTimeoutError)
    assert isinstance(error.__cause__, httpx.ReadTimeout)


async def hang_up(_: trio.SocketStream) -> None:
    await trio.lowlevel.checkpoint()


async def babble(stream: trio.SocketStream) -> None:
    await stream.send_all(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


async def reset(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("behave", [hang_up, babble, reset])
async def test_a_server_that_is_none_is_a_connection_error(
    nursery: trio.Nursery, behave: Callable[[trio.SocketStream], Awaitable[None]]
):
    error = await failure(None, url=await listen(nursery, behave))
    assert type(error) is KXTConnectionError
    assert isinstance(error.__cause__, httpx.HTTPError)


async def test_where_nobody_listens_the_connection_is_refused():
    with trio.socket.socket() as bound:
        await bound.bind(("127.0.0.1", 0))
        error = await failure(None, url=f"http://127.0.0.1:{bound.getsockname()[1]}")
    assert type(error) is KXTConnectionError
    assert isinstance(error.__cause__, httpx.ConnectError)
