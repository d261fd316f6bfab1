"""One accepted websocket: replies, notices and PINGPONG go out, requests come in.

Everything that goes out passes one queue, so it leaves in the order in which it was
decided.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeAlias

import attrs
import trio

from kxt_trio.errors import KXTError
from kxt_trio.transport.websocket import Link

from .client_frames import ClientFrame, Opcode
from .control_desk import ControlDesk, is_pingpong, is_release
from .wire import BrokerEnd, Wire

__all__ = ["Timing", "Traffic", "WebsocketDesk"]

_NO_STATUS = 1005
_Step: TypeAlias = Callable[[Link], Awaitable[None]]


@attrs.define
class Traffic:
    """What came in, over all connections.

    Attributes:
        connects: When a client asked for a connection, on trio's clock.
        requests: Every subscription and release, as parsed JSON; None for no JSON.
        pongs: Payload of every pong; a PINGPONG echoed as text counts as one.
        closes: Code of every close frame; 1005 for one without a code.
    """

    connects: list[float] = attrs.field(factory=list[float])
    requests: list[Any] = attrs.field(factory=list[Any])
    pongs: list[bytes] = attrs.field(factory=list[bytes])
    closes: list[int] = attrs.field(factory=list[int])


@attrs.define
class Timing:
    """How fast the broker is on the websocket.  Seconds.

    Attributes:
        interval: PINGPONG is sent when nothing else was, for this long.
        patience: How long the answer to one may take.
        reply_lag: From a request to its reply, and to its effect.
    """

    interval: float
    patience: float
    reply_lag: float = 0.0


@attrs.frozen
class _PingPong:
    payload: bytes
    sent_at: float


class WebsocketDesk:
    """Serves one connection for as long as it lives.

    Args:
        end: The broker's end of the byte stream, before the handshake.
        control: Decides about requests.
        timing: How fast to be.
        traffic: Where to note what comes in.
        now: The broker's wall clock.
        on_subscribed: Called after the reply to a successful subscription was queued.
    """

    def __init__(
        self,
        end: BrokerEnd,
        control: ControlDesk,
        *,
        timing: Timing,
        traffic: Traffic,
        now: Callable[[], datetime],
        on_subscribed: Callable[[WebsocketDesk], None],
    ) -> None:
        self.wire: Wire = Wire(end, self._overhear)
        self._control = control
        self._timing = timing
        self._traffic = traffic
        self._now = now
        self._on_subscribed = on_subscribed
        self._queue, self._queued = trio.open_memory_channel[_Step](float("inf"))
        self._pingpongs: list[_PingPong] = []  # unanswered, oldest first
        self._ask, self._asked = trio.open_memory_channel[tuple[float, Any]](float("inf"))
        self._unanswered = 0
        self._is_closing = False
        self._is_silent = False
        self._is_over = False
        #: The client's goodbye is neither answered nor followed by a hang-up.
        self.ignores_goodbye = False

    @property
    def holds_session(self) -> bool:
        """Whether this connection occupies the app key, reachable or not."""
        return self._control.cipher is not None and not self._is_over

    @property
    def is_subscribed(self) -> bool:
        """Whether a notice would be sent to this connection and could arrive."""
        return self.holds_session and not self._is_silent

    async def run(self, link: Link) -> None:
        """Serve until the connection is over."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read, link, nursery.cancel_scope)
                nursery.start_soon(self._answer_late)
                await self._write(link)
                nursery.cancel_scope.cancel(reason="the broker is done with this client")
        finally:
            self._is_over = True

    def notify(self, *plaintexts: str) -> None:
        """Encrypt and send notices; lost without a subscription, as at the broker."""
        frame = self._control.frame(*plaintexts)
        if frame is not None and self.is_subscribed:
            self.send_text(frame)

    def send_text(self, text: str) -> None:
        """Send a text message as it is; a PINGPONG is one, and can be answered."""
        self._put(lambda link: self._send(link, text))

    def close(self, code: int) -> None:
        """Send what is queued, then a close frame; hang up when the client's comes."""
        self._put(lambda link: self._close(link, code))
        self._is_over = True

    def close_without_fin(self, code: int) -> None:
        """Send what is queued, then a close frame, and never hang up."""
        self._put(lambda _: self._close_and_fall_silent(code))
        self._is_over = True

    def hang_up(self) -> None:
        """Send what is queued, then end the byte stream without a close frame."""
        self._put(lambda _: self._hang_up())
        self._is_over = True

    def drop(self) -> None:
        """Cut the connection at once; what is queued is lost."""
        self._is_over = True
        self.wire.abort()

    def silence(self) -> None:
        """Be half-open from now on: no bytes either way, and no end."""
        self._is_silent = True
        self.wire.silence()

    def _put(self, step: _Step) -> None:
        if not self._is_over:
            self._queue.send_nowait(step)

    async def _write(self, link: Link) -> None:
        try:
            while not self._is_closing:
                await self._write_next(link)
        except (KXTError, trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the client is gone

    async def _write_next(self, link: Link) -> None:
        step: _Step | None = None
        idle = trio.current_time() + self._timing.interval
        overdue = self._answer_due()
        with trio.move_on_at(min(idle, overdue)):
            step = await self._queued.receive()
        if self._is_silent:
            await trio.sleep_forever()
        elif step is not None:
            await step(link)
        elif trio.current_time() >= overdue:
            await self._hang_up()
        else:
            await self._pingpong(link)

    async def _pingpong(self, link: Link) -> None:
        header = {"tr_id": "PINGPONG", "datetime": f"{self._now():%Y%m%d%H%M%S}"}
        await self._send(link, json.dumps({"header": header}, separators=(",", ":")))

    async def _send(self, link: Link, text: str) -> None:
        if is_pingpong(_parse(text)):
            self._pingpongs.append(_PingPong(text.encode(), trio.current_time()))
        await link.send(text)

    def _answer_due(self) -> float:
        if not self._pingpongs:
            return float("inf")
        return self._pingpongs[0].sent_at + self._timing.patience

    async def _close(self, link: Link, code: int) -> None:
        self._is_closing = True
        await link.aclose(code)

    async def _close_and_fall_silent(self, code: int) -> None:
        await self.wire.send_all(b"\x88\x02" + code.to_bytes(2, "big"))
        self.silence()

    async def _hang_up(self) -> None:
        self._is_closing = self._is_over = True
        await self.wire.aclose()

    async def _read(self, link: Link, connection: trio.CancelScope) -> None:
        try:
            while True:
                for text in await link.receive():
                    self._hear(text)
        except KXTError:
            self._is_over = True
            if not self._is_closing:
                connection.cancel(reason="the client is gone")

    def _hear(self, text: str) -> None:
        if self._is_awaited(text.encode()):
            self._answered(text.encode())
            return
        message = _parse(text)
        self._traffic.requests.append(message)
        if self.ignores_goodbye and is_release(message):
            return
        if self._timing.reply_lag or self._unanswered:
            self._unanswered += 1
            self._ask.send_nowait((trio.current_time() + self._timing.reply_lag, message))
        else:
            self._answer(message)

    async def _answer_late(self) -> None:
        """Answer requests when it is time, in the order in which they came."""
        async for due, message in self._asked:
            await trio.sleep_until(due)
            self._unanswered -= 1
            if not (self._is_over or self._is_silent):
                self._answer(message)

    def _answer(self, message: Any) -> None:
        was_subscribed = self._control.cipher is not None
        self.send_text(self._control.answer(message, self._now()))
        if self._control.cipher is not None and not was_subscribed:
            self._on_subscribed(self)

    def _overhear(self, frame: ClientFrame) -> None:
        if frame.opcode == Opcode.PONG:
            self._answered(frame.payload)
        elif frame.opcode == Opcode.CLOSE:
            code = int.from_bytes(frame.payload[:2], "big") if frame.payload else _NO_STATUS
            self._traffic.closes.append(code)
            if self.ignores_goodbye:
                self.silence()

    def _answered(self, payload: bytes) -> None:
        """Note an answer to PINGPONG; KIS drops clients that send other pongs."""
        self._traffic.pongs.append(payload)
        if not self._is_awaited(payload):
            self.drop()
            return
        while self._pingpongs.pop(0).payload != payload:
            pass

    def _is_awaited(self, payload: bytes) -> bool:
        return any(pingpong.payload == payload for pingpong in self._pingpongs)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
