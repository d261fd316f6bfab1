"""The stand-in broker on loopback TCP, for other programs and for real sockets.

One port speaks both: a client that asks for an upgrade gets the websocket, every other
one REST.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from urllib.parse import parse_qsl, urlsplit

import h11
import trio

from kxt_trio.models import KST
from kxt_trio.settings import Endpoints
from kxt_trio.transport.rest import HttpRequest, HttpResponse

from .fake_kis import FakeKIS
from .wire import BrokerEnd

__all__ = ["serve_fake_kis"]

_LOOPBACK = "127.0.0.1"
_CHUNK = 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_END_OF_HEAD = b"\r\n\r\n"


async def serve_fake_kis(
    port: int = 0,
    *,
    kis: FakeKIS | None = None,
    task_status: trio.TaskStatus[FakeKIS] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve a :class:`FakeKIS` on 127.0.0.1 until cancelled.

    Start it in a nursery; what it starts with is the broker, whose ``endpoints`` lead to
    the port and whose verbs you can call::

        kis = await nursery.start(serve_fake_kis, 8080)
        async with open_fill_stream(**kis.credentials, endpoints=kis.endpoints) as fills:
            ...

    Args:
        port: 0 for any free one.
        kis: A broker that was entered already; by default one of its own with the
            standard settings and today's clock.
        task_status: For :meth:`trio.Nursery.start`.

    Raises:
        OSError: the port cannot be opened.
    """
    async with AsyncExitStack() as stack:
        if kis is None:
            kis = await stack.enter_async_context(FakeKIS(start=datetime.now(KST)))
        listeners = await trio.open_tcp_listeners(port, host=_LOOPBACK)
        address = f"{_LOOPBACK}:{listeners[0].socket.getsockname()[1]}"
        kis.endpoints = Endpoints(f"http://{address}", f"ws://{address}/tryitout")
        nursery = await stack.enter_async_context(trio.open_nursery())
        await nursery.start(trio.serve_listeners, partial(_serve_client, kis), listeners)
        task_status.started(kis)


async def _serve_client(kis: FakeKIS, stream: trio.SocketStream) -> None:
    try:
        head = await _read_head(stream)
        end = _TcpEnd(stream, head)
        if b"\r\nupgrade: websocket" in head.lower():
            await kis.serve_websocket(end)
        else:
            await _serve_rest(kis, end)
    except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
        return  # the client is gone, or speaks something else
    finally:
        await trio.aclose_forcefully(stream)


async def _read_head(stream: trio.SocketStream) -> bytes:
    head = b""
    while _END_OF_HEAD not in head and len(head) < _CHUNK:
        data = await stream.receive_some(_CHUNK)
        if not data:
            break
        head += data
    return head


async def _serve_rest(kis: FakeKIS, end: BrokerEnd) -> None:
    connection = h11.Connection(h11.SERVER)
    while True:
        request = await _read_request(connection, end)
        if request is None:
            return
        try:
            response = await kis.respond(request)
        except ConnectionRefusedError:
            end.abort()
            return
        await end.send_all(_response_bytes(connection, response))
        if connection.our_state is not h11.DONE:  # the client wants no second answer
            return
        connection.start_next_cycle()


async def _read_request(connection: h11.Connection, end: BrokerEnd) -> HttpRequest | None:
    head = await _next_event(connection, end)
    if not isinstance(head, h11.Request):
        return None
    body = b""
    while isinstance(event := await _next_event(connection, end), h11.Data):
        body += event.data
    target = urlsplit(head.target.decode("ascii"))
    return HttpRequest(
        method=head.method.decode("ascii"),
        path=target.path,
        query=dict(parse_qsl(target.query, keep_blank_values=True)),
        headers={
            name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers
        },
        body=body,
    )


async def _next_event(
    connection: h11.Connection, end: BrokerEnd
) -> h11.Event | type[h11.PAUSED]:
    while True:
        event = connection.next_event()
        if not isinstance(event, type) or event is h11.PAUSED:
            return event
        connection.receive_data(bytes(await end.receive_some(_CHUNK)))


def _response_bytes(connection: h11.Connection, response: HttpResponse) -> bytes:
    headers: Mapping[str, str] = {
        **response.headers,
        "content-length": str(len(response.body)),
    }
    parts = [
        connection.send(
            h11.Response(status_code=response.status, headers=list(headers.items()))
        ),
        connection.send(h11.Data(data=response.body)),
        connection.send(h11.EndOfMessage()),
    ]
    return b"".join(part for part in parts if part)


class _TcpEnd(BrokerEnd):
    """A TCP stream from whose beginning something was read already."""

    def __init__(self, stream: trio.SocketStream, head: bytes) -> None:
        self._stream = stream
        self._head = head

    def abort(self) -> None:
        self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._stream.socket.close()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if not self._head:
            return await self._stream.receive_some(max_bytes)
        await trio.lowlevel.checkpoint()
        data, self._head = self._head[:max_bytes], self._head[max_bytes or len(self._head) :]
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()
