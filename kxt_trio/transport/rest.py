"""The broker's REST side, through httpx.  The only importer of httpx."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import attrs
import httpx
import trio

from kxt_trio.errors import KXTConnectionError, KXTError, KXTTimeoutError
from kxt_trio.protocol.approval import APPROVAL_PATH, approval_request, read_approval
from kxt_trio.protocol.inquiry import (
    INQUIRY_PATH,
    InquiryPage,
    InquiryRequest,
    PageKey,
    PageReader,
)
from kxt_trio.protocol.rest_answers import is_rate_limited
from kxt_trio.protocol.token import TOKEN_PATH, Token, read_token, token_request
from kxt_trio.settings import Credentials

from .pacing import Pacer

__all__ = [
    "HttpRequest",
    "HttpResponse",
    "Responder",
    "RestClient",
    "TimedPage",
    "open_rest_client",
    "respond_with",
]

_CONNECTIONS = 2

#: Rows of a page that are read in one go: a tenth of a millisecond between two fills.
_ROWS = 4

# An answer that trickles in outlasts every phase; no call lasts longer than so many.
_PHASES = 2


def _without_query(record: logging.LogRecord) -> bool:
    """Cut the query off the addresses that httpx logs: an inquiry's has the account number."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            arg.copy_with(query=None)
            if isinstance(arg, httpx.URL) and arg.path == INQUIRY_PATH
            else arg
            for arg in record.args
        )
    return True


logging.getLogger("httpx").addFilter(_without_query)


@asynccontextmanager
async def open_rest_client(
    credentials: Credentials,
    base_url: str,
    *,
    transport: httpx.AsyncBaseTransport | None,
    timeout: float,
    pacer: Pacer | None = None,
) -> AsyncGenerator[RestClient]:
    """Open a client of one environment's REST side.

    Args:
        credentials: The keys to call with.
        base_url: Where to call.
        transport: An httpx transport; None for httpx's own.
        timeout: Bound of each phase of a call, in seconds; of the whole, its turn not
            included, twice that.
        pacer: Shared with the other clients of these keys; None if there are none.
    """
    try:
        client = httpx.AsyncClient(
            base_url=base_url,
            transport=transport,
            # Without TLS there is nobody to trust, and the store of those is slow to load.
            verify=not base_url.startswith("http://"),
            timeout=timeout,
            limits=httpx.Limits(max_connections=_CONNECTIONS),
        )
    except Exception as exc:  # a proxy or a certificate file that the environment names
        raise KXTConnectionError(
            f"HTTP cannot be set up: {type(exc).__name__}; look at the proxy and certificate "
            "settings of the environment"
        ) from exc
    async with client as http:
        yield RestClient(credentials, http, pacer or Pacer.of(credentials.environment), timeout)


@attrs.frozen
class TimedPage:
    """A page of an inquiry and the times, on trio's clock, between which it was true."""

    page: InquiryPage
    asked_at: float
    answered_at: float


class RestClient:
    """Calls one environment's REST side, no faster than the broker allows.

    A failed call raises and is not repeated here: whether it may be is the caller's
    knowledge.
    """

    def __init__(
        self, credentials: Credentials, http: httpx.AsyncClient, pacer: Pacer, timeout: float
    ) -> None:
        self._credentials = credentials
        self._http = http
        self._pacer = pacer
        self._timeout = timeout

    async def issue_approval_key(self) -> str:
        """Return a new websocket approval key (``POST /oauth2/Approval``).

        Raises:
            KXTAuthenticationError: the keys are refused.
            KXTAPIError: refused for now: too many calls, or trouble at the broker.
            KXTConnectionError: no answer.
            KXTProtocolError: an answer that is none.
        """
        keys = self._credentials
        payload = approval_request(keys.app_key, keys.app_secret)
        response = (await self._call("POST", APPROVAL_PATH, json=payload)).response
        return read_approval(response.status_code, response.content)

    async def issue_token(self) -> Token:
        """Return the access token, new or of the last six hours (``POST /oauth2/tokenP``).

        Raises as :meth:`issue_approval_key`.  Once a minute at most: see
        :class:`~kxt_trio.transport.access_tokens.AccessTokens`.
        """
        keys = self._credentials
        payload = token_request(keys.app_key, keys.app_secret)
        response = (await self._call("POST", TOKEN_PATH, json=payload)).response
        return read_token(response.status_code, response.headers, response.content)

    async def ask_daily_orders(
        self, request: InquiryRequest, token: Token, after: PageKey | None = None
    ) -> TimedPage:
        """Return one page of the daily order inquiry.

        Raises as :meth:`issue_approval_key`; a refused token is a
        :exc:`~kxt_trio.KXTAPIError`.

        Args:
            request: What to ask.
            token: The access token.
            after: The key on the page before; None for the first page.
        """
        keys = self._credentials
        call = await self._call(
            "GET",
            INQUIRY_PATH,
            params=request.parameters(after),
            headers=request.headers(keys.app_key, keys.app_secret, token.access_token, after),
        )
        response = call.response
        await trio.lowlevel.checkpoint()  # all this takes long; a fill may have come meanwhile
        try:
            reader = PageReader(response.status_code, response.headers, response.content)
        except KXTError as exc:
            if is_rate_limited(exc):
                self._pacer.slow_down()
            raise
        await trio.lowlevel.checkpoint()
        while reader.read_rows(_ROWS):  # noqa: ASYNC110  # it waits for nothing
            await trio.lowlevel.checkpoint()
        return TimedPage(reader.page(), call.asked_at, call.answered_at)

    async def _call(self, method: str, path: str, **content: Any) -> _Call:
        # Made before its turn: that takes a while, and the turn is the moment that counts.
        request = self._http.build_request(method, path, **content)
        await self._pacer.turn()
        asked_at = trio.current_time()
        host = self._http.base_url.host
        try:
            with trio.fail_after(_PHASES * self._timeout):
                response = await self._http.send(request)
        except (httpx.TimeoutException, trio.TooSlowError) as exc:
            raise KXTTimeoutError(f"no answer from {host}{path}") from exc
        except httpx.HTTPError as exc:
            raise KXTConnectionError(f"cannot call {host}{path}: {type(exc).__name__}") from exc
        return _Call(response, asked_at, trio.current_time())


@attrs.frozen(eq=False, repr=False)
class _Call:
    response: httpx.Response
    asked_at: float
    answered_at: float


@attrs.frozen
class HttpRequest:
    """What a :data:`Responder` is asked.  Header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(default=b"", repr=False)


@attrs.frozen
class HttpResponse:
    """What a :data:`Responder` answers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


#: Answers a request without a network.
Responder: TypeAlias = Callable[[HttpRequest], Awaitable[HttpResponse]]


def respond_with(responder: Responder) -> httpx.AsyncBaseTransport:
    """Return an httpx transport whose answers come from a function.

    For :attr:`kxt_trio.Network.http_transport`; the stand-in broker is one user.  A
    function that raises OSError is a host that cannot be reached.
    """

    async def handle(request: httpx.Request) -> httpx.Response:
        asked = HttpRequest(
            method=request.method,
            path=request.url.path,
            query=dict(request.url.params),
            headers=dict(request.headers),
            body=await request.aread(),
        )
        try:
            answer = await responder(asked)
        except OSError as exc:
            raise httpx.ConnectError(str(exc), request=request) from exc
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)

    return httpx.MockTransport(handle)
