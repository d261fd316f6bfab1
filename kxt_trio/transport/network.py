"""The one seam to the outside world: streams, HTTP, wall clock, randomness.

Tests replace it as a whole (:class:`kxt_trio.testing.FakeKIS` brings its own), and so
may a deployment with a proxy or a certificate store of its own.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import attrs
import trio

from kxt_trio.models import KST
from kxt_trio.offload import InThread, Offload
from kxt_trio.settings import Credentials

if TYPE_CHECKING:
    import httpx

    from .token_cache import TokenCache

__all__ = ["Network", "OpenStream", "open_tcp"]

#: Opens a byte stream to ``(host, port, tls)``.
OpenStream: TypeAlias = Callable[[str, int, bool], Awaitable[trio.abc.Stream]]


async def open_tcp(host: str, port: int, tls: bool) -> trio.abc.Stream:
    """Open a TCP stream, inside TLS where asked for."""
    if tls:
        stream = await trio.open_ssl_over_tcp_stream(host, port, https_compatible=True)
        try:
            await stream.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return stream
    return await trio.open_tcp_stream(host, port)


def _kst_now() -> datetime:
    return datetime.now(KST)


def _disk_token_cache(credentials: Credentials, address: str) -> TokenCache:
    from .token_cache import disk_token_cache  # noqa: PLC0415  # see client

    return disk_token_cache(credentials, address)


@attrs.frozen(kw_only=True)
class Network:
    """How the library reaches the world.  The default is the real one.

    Attributes:
        open_stream: Opens a byte stream: ``await open_stream(host, port, tls)``.
        http_transport: An httpx transport for the REST calls; None for httpx's own.
        now: The wall clock, as an aware time.  Used for dates and reports, never for
            waiting: that is ``trio.current_time()``.
        random: Source of the jitter in reconnect delays.
        token_cache: Where a client with these credentials, calling this REST address, keeps
            its access token; by default on disk, shared by all programs of the user.
        offload: Makes what runs the journal's blocking work; by default a thread.
    """

    open_stream: OpenStream = open_tcp
    http_transport: httpx.AsyncBaseTransport | None = None
    now: Callable[[], datetime] = _kst_now
    random: random.Random = attrs.field(factory=random.Random)
    token_cache: Callable[[Credentials, str], TokenCache] = _disk_token_cache
    offload: Callable[[], Offload] = InThread
