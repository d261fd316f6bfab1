"""The broker's REST side, through httpx.  The only importer of httpx."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

import attrs
import httpx

from kxt_trio.errors import KXTConnectionError, KXTTimeoutError
from kxt_trio.protocol.approval import approval_request, read_approval
from kxt_trio.settings import Credentials

__all__ = [
    "HttpRequest",
    "HttpResponse",
    "Responder",
    "RestClient",
    "open_rest_client",
    "respond_with",
]

_CONNECTIONS = 2


@asynccontextmanager
async def open_rest_client(
    credentials: Credentials,
    base_url: str,
    *,
    transport: httpx.AsyncBaseTransport | None,
    timeout: float,
) -> AsyncGenerator[RestClient]:
    """Open a client of one environment's REST side; ``timeout`` bounds each phase of a call."""
    async with httpx.AsyncClient(
        base_url=base_url,
        transport=transport,
        timeout=timeout,
        limits=httpx.Limits(max_connections=_CONNECTIONS),
    ) as http:
        yield RestClient(credentials, http)


class RestClient:
    """Calls one environment's REST side.

    A failed call raises and is not repeated here: whether it may be is the caller's
    knowledge.
    """

    def __init__(self, credentials: Credentials, http: httpx.AsyncClient) -> None:
        self._credentials = credentials
        self._http = http

    async def issue_approval_key(self) -> str:
        """Return a new websocket approval key (``POST /oauth2/Approval``).

        Raises:
            KXTAuthenticationError: the keys are refused.
            KXTAPIError: refused for now: too many calls, or trouble at the broker.
            KXTConnectionError: no answer.
            KXTProtocolError: an answer that is none.
        """
        keys = self._credentials
        response = await self._post(
            "/oauth2/Approval", approval_request(keys.app_key, keys.app_secret)
        )
        return read_approval(response.status_code, response.content)

    async def _post(self, path: str, payload: Mapping[str, str]) -> httpx.Response:
        try:
            return await self._http.post(path, json=payload)
        except httpx.TimeoutException as exc:
            raise KXTTimeoutError(f"no answer from {self._http.base_url.host}{path}") from exc
        except httpx.HTTPError as exc:
            raise KXTConnectionError(
                f"cannot call {self._http.base_url.host}{path}: {type(exc).__name__}"
            ) from exc


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
