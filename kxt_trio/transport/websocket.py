"""One websocket connection over a byte stream that we own.

The only importer of trio_websocket.  What bites there (0.12.2, each with a test):

* EOF during the handshake wakes nobody: the handshake ends with the stream, not with
  its deadline.
* Garbage during the handshake raises in the reader task: it stays in this module's
  nursery and leaves as one of our errors.
* A Close without FIN, or an oversize message, leaves the reader waiting for ever: the
  stream is ours and is closed forcefully, whatever happened before.
* An oversize message throws away what was queued before it: nothing is queued, the
  reader hands each message over.
* Its reader takes a scheduler's turn and twenty microseconds for each message: whole
  texts go past it, by the :class:`~kxt_trio.transport.text_lane.TextLane`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias
from urllib.parse import urlsplit

import trio
import trio_websocket

from kxt_trio.errors import KXTConnectionError, KXTError, KXTProtocolError, KXTTimeoutError

from .network import OpenStream
from .text_lane import TextLane
from .wire import Wire

__all__ = ["Link", "accept_link", "connect_link"]

_PORTS = {"ws": 80, "wss": 443}
_Handshake: TypeAlias = Callable[
    [trio.Nursery, trio.abc.Stream], Awaitable[trio_websocket.WebSocketConnection]
]


class Link:
    """An open websocket: text messages in and out.

    Made by :func:`connect_link` or :func:`accept_link`, which run as long as it lives.
    Messages received before the end are handed out before the end is told.  A client's
    link reads while somebody receives, and not before; one task at a time may.
    """

    def __init__(
        self,
        websocket: trio_websocket.WebSocketConnection,
        wire: Wire,
        scope: trio.CancelScope,
    ) -> None:
        self._websocket = websocket
        self._wire = wire
        self._scope = scope
        self._ending: KXTError | None = None

    @property
    def last_received_at(self) -> float:
        """When the last byte came in, on trio's clock."""
        return self._wire.last_received_at

    async def receive(self) -> list[str]:
        """Return the messages that have come, at least one; wait for it if need be.

        Cancelled means that none was taken.

        Raises:
            KXTConnectionError: the connection is over; says why, as far as known.
        """
        texts = await self._wire.receive_texts()
        if texts:
            return texts
        with self._mapped():
            message = await self._websocket.get_message()
        return [message if isinstance(message, str) else message.decode("utf-8", "replace")]

    async def send(self, text: str) -> None:
        """Send a text message."""
        with self._mapped():
            await self._websocket.send_message(text)

    async def pong(self, payload: bytes) -> None:
        """Send a pong control frame."""
        with self._mapped():
            await self._websocket.pong(payload)

    def abort(self, reason: KXTError | None = None) -> None:
        """Cut the connection; whoever waits on it gets ``reason``."""
        self._ending = self._ending or reason
        self._scope.cancel(reason="the link was cut")

    async def aclose(self, code: int = 1000) -> None:
        """Send a close frame and wait for the peer's; nobody may be receiving.

        Has no bound of its own.
        """
        self._wire.end_lane()
        await self._websocket.aclose(code)

    @contextmanager
    def _mapped(self) -> Generator[None]:
        try:
            yield
        except trio_websocket.ConnectionClosed as exc:
            raise self._describe(exc) from exc

    def _describe(self, exc: trio_websocket.ConnectionClosed) -> KXTError:
        if self._ending is not None:
            return self._ending
        if exc.reason is None or exc.reason.code == _ABNORMAL:
            return KXTConnectionError("the connection ended without a close frame")
        return KXTConnectionError(f"the connection was closed with code {exc.reason.code}")


_ABNORMAL = 1006


async def connect_link(
    url: str,
    *,
    open_stream: OpenStream,
    connect_timeout: float,
    max_message_size: int,
    task_status: trio.TaskStatus[Link],
) -> None:
    """Connect to ``url`` and run the link until it is over.

    Until it is open, a cancel ends it at once and every fault is raised: the reasons of
    the network as :exc:`KXTConnectionError`, a peer that does not speak websocket as
    :exc:`KXTProtocolError`.  Afterwards faults are told by the link.
    """
    parts = urlsplit(url)
    host, tls = parts.hostname or "", parts.scheme == "wss"
    port = parts.port or _PORTS[parts.scheme]
    peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    handshake = partial(_client_handshake, peer, resource, max_message_size)
    try:
        with trio.fail_after(connect_timeout) as opening:
            stream = await _open(open_stream, host, port, tls)
            wire = Wire(stream, TextLane(max_message_size))

            def opened(link: Link) -> None:
                if opening.cancel_called:  # too late, and it must not be told by the link
                    return
                opening.deadline = float("inf")
                task_status.started(link)

            await _run_link(wire, handshake, opened)
    except trio.TooSlowError as exc:
        raise KXTTimeoutError(f"no websocket with {peer} after {connect_timeout:g} s") from exc
    except (OSError, trio.BrokenResourceError) as exc:
        raise KXTConnectionError(
            f"cannot connect to {peer}: {str(exc) or type(exc).__name__}"
        ) from exc


async def _open(open_stream: OpenStream, host: str, port: int, tls: bool) -> trio.abc.Stream:
    try:
        return await open_stream(host, port, tls)
    except (OSError, trio.BrokenResourceError, trio.TooSlowError):
        raise
    except Exception as exc:  # such as a proxy library's own; like any other failed dial
        raise KXTConnectionError(f"cannot connect to {host}: {type(exc).__name__}") from exc


async def accept_link(  # noqa: ASYNC128  # started() is handed on
    stream: trio.abc.Stream, *, task_status: trio.TaskStatus[Link]
) -> None:
    """Be the server on ``stream``; otherwise as :func:`connect_link`."""
    await _run_link(Wire(stream), _server_handshake, task_status.started)


async def _client_handshake(
    host: str,
    resource: str,
    max_message_size: int,
    nursery: trio.Nursery,
    wire: trio.abc.Stream,
) -> trio_websocket.WebSocketConnection:
    return await trio_websocket.wrap_client_stream(
        nursery,
        wire,  # type: ignore[arg-type]  # any stream will do; its server side says so
        host,
        resource,
        message_queue_size=0,
        max_message_size=max_message_size,
    )


async def _server_handshake(
    nursery: trio.Nursery, wire: trio.abc.Stream
) -> trio_websocket.WebSocketConnection:
    request = await trio_websocket.wrap_server_stream(nursery, wire)
    return await request.accept()


async def _run_link(wire: Wire, handshake: _Handshake, opened: Callable[[Link], None]) -> None:
    link: Link | None = None
    watch = trio.CancelScope()
    try:
        async with trio.open_nursery(strict_exception_groups=True) as nursery:
            nursery.start_soon(_fail_at_end, wire, watch)
            websocket = await handshake(nursery, wire)
            watch.cancel()
            link = Link(websocket, wire, nursery.cancel_scope)
            opened(link)
    except BaseExceptionGroup as group:
        faults, rest = group.split(Exception)
        if rest is not None:  # Cancelled or KeyboardInterrupt; a fault beside it is moot
            raise rest from None
        assert faults is not None
        fault = _describe(faults)
        if link is None:
            raise fault from group
        link.abort(fault)
    finally:
        await trio.aclose_forcefully(wire)


async def _fail_at_end(wire: Wire, watch: trio.CancelScope) -> None:
    with watch:
        await wire.ended.wait()
        raise KXTConnectionError("the connection ended during the handshake")


def _describe(faults: ExceptionGroup[Exception]) -> KXTError:
    """Say in our words what the reader task died of."""
    for exc in faults.exceptions:
        if isinstance(exc, trio_websocket.ConnectionRejected):
            return KXTConnectionError(
                f"the broker answered the handshake with HTTP {exc.status_code}"
            )
    for exc in faults.exceptions:
        if not isinstance(exc, KXTError):
            return KXTProtocolError("the peer sent what is not websocket")
    return KXTConnectionError("the connection ended during the handshake")
