"""What time the broker thinks it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import attrs
import trio

from kxt_trio.transport.network import open_tcp

__all__ = ["ClockReading", "read_broker_clock"]

_PORTS = {"http": 80, "https": 443}
_LARGEST_HEAD = 16 * 1024
_END_OF_HEAD = b"\r\n\r\n"


@attrs.frozen
class ClockReading:
    """How far this machine's clock is ahead of the broker's, give or take ``margin``."""

    ahead: timedelta
    margin: timedelta


async def read_broker_clock(rest_url: str, *, patience: float) -> ClockReading | None:
    """Compare the wall clock with the ``Date`` of an HTTP answer, whatever it answers.

    Args:
        rest_url: The REST side.
        patience: Seconds to wait for the answer.

    Returns:
        None where no answer with a readable date came in time.
    """
    await trio.lowlevel.checkpoint()
    before = datetime.now(UTC)
    head = b""
    try:
        with trio.move_on_after(patience):
            head = await _answer_head(rest_url)
    except (OSError, trio.BrokenResourceError):
        return None
    after = datetime.now(UTC)
    broker = _date_in(head)
    if broker is None:
        return None
    # The date is cut to whole seconds, so on average it is half a second late.
    half_second = timedelta(seconds=0.5)
    half_trip = (after - before) / 2
    return ClockReading(before + half_trip - (broker + half_second), half_second + half_trip)


def _date_in(head: bytes) -> datetime | None:
    for line in head.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        if name.lower() == "date":
            try:
                return parsedate_to_datetime(value.strip()).astimezone(UTC)
            except ValueError:
                return None
    return None


async def _answer_head(rest_url: str) -> bytes:
    parts = urlsplit(rest_url)
    host = parts.hostname or ""
    tls = parts.scheme == "https"
    received = b""
    async with await open_tcp(host, parts.port or _PORTS[parts.scheme], tls) as stream:
        await stream.send_all(
            f"GET / HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n"
            "User-Agent: kxt-trio\r\nConnection: close\r\n\r\n".encode()
        )
        while _END_OF_HEAD not in received and len(received) < _LARGEST_HEAD:
            chunk = await stream.receive_some()
            if not chunk:
                break
            received += chunk
        await trio.aclose_forcefully(stream)
    return received.partition(_END_OF_HEAD)[0]
