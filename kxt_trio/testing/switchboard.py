"""The broker's websocket side as a whole: who is connected, and who gets the notices."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from heapq import heappop, heappush
from random import Random
from typing import TypeAlias

import attrs
import trio

from kxt_trio.errors import KXTError
from kxt_trio.settings import Credentials
from kxt_trio.transport.websocket import accept_link

from .control_desk import ControlDesk, Refusal
from .issued_keys import IssuedKeys
from .websocket_desk import Timing, Traffic, WebsocketDesk
from .wire import BrokerEnd, memory_wire

__all__ = ["ConnectFault", "Reception", "Switchboard"]

_HEAD_BYTES = 4096


class ConnectFault(Enum):
    """What a client meets instead of a websocket."""

    REFUSED = "refused"
    HANGING = "hanging"
    GARBAGE = "garbage"
    EOF = "eof"


#: A fault, or the HTTP status that rejects the handshake; None for a good connection.
Reception: TypeAlias = ConnectFault | int | None


@attrs.frozen(order=True)
class _Post:
    """A frame that leaves later; of two that are due at once the elder leaves first."""

    due: float
    number: int
    plaintexts: tuple[str, ...]
    in_turn: bool


class Switchboard:
    """Accepts connections, holds the rule of one session, sends notices.

    Attributes:
        receptions: How the next connections are received.
        refusals: What the next subscriptions are refused with.
        hang_ups: How many of the next subscriptions are acknowledged and then cut.
        occupied: Another program holds the app key.
        ignores_goodbye: No connection answers a goodbye any more.
        is_running: Whether clients can connect.
        timing: How fast it is; may be changed at any time.
        traffic: What came in.
    """

    def __init__(
        self,
        credentials: Credentials,
        keys: IssuedKeys,
        *,
        timing: Timing,
        now: Callable[[], datetime],
        seed: int,
    ) -> None:
        self._credentials = credentials
        self._keys = keys
        self.timing = timing
        self._now = now
        self._seed = seed
        self.receptions: deque[Reception] = deque()
        self.refusals: deque[Refusal] = deque()
        self.hang_ups: int = 0
        self.occupied = False
        self.ignores_goodbye = False
        self.traffic: Traffic = Traffic()
        self._desks: list[WebsocketDesk] = []
        self._accepted = 0
        self._subscribed = trio.Event()
        self.is_running: bool = False
        self._arrive, self._arrivals = trio.open_memory_channel[tuple[BrokerEnd, Reception]](
            float("inf")
        )
        self._post, self._posted = trio.open_memory_channel[_Post](float("inf"))
        self._posts = 0
        self._last_due = float("-inf")
        self._waiting = 0

    async def run(self, supports: trio.Nursery) -> None:
        """Serve the memory network and send delayed notices, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_posted, name="kxt_trio fake broker's post")
            async for end, reception in self._arrivals:
                nursery.start_soon(
                    self._serve, end, reception, name="kxt_trio fake broker's connection"
                )

    async def goodbye(self) -> None:
        """Do nothing: :meth:`stop` has done it."""
        await trio.lowlevel.checkpoint()

    def start(self) -> None:
        """Be reachable from now on."""
        self.is_running = True

    def stop(self) -> None:
        """Be gone: cut every connection, refuse new ones."""
        self.is_running = False
        for desk in self._desks:
            desk.drop()

    async def open_stream(self, host: str, port: int, tls: bool) -> trio.abc.Stream:
        """Connect a client in memory, whatever the address."""
        await trio.lowlevel.checkpoint()
        reception = self.receive()
        if reception is ConnectFault.REFUSED:
            raise ConnectionRefusedError("the broker refuses the connection")
        client, broker = memory_wire()
        self._arrive.send_nowait((broker, reception))
        return client

    async def serve(self, end: BrokerEnd) -> None:
        """Serve one client until its connection is over."""
        await self._serve(end, self.receive())

    def receive(self) -> Reception:
        """Note that a client wants to connect; return what it meets."""
        if not self.is_running:
            return ConnectFault.REFUSED
        self.traffic.connects.append(trio.current_time())
        return self.receptions.popleft() if self.receptions else None

    @property
    def connections(self) -> list[WebsocketDesk]:
        """The open connections, oldest first."""
        return list(self._desks)

    @property
    def is_subscribed(self) -> bool:
        """Whether some connection would get a notice now."""
        return any(desk.is_subscribed for desk in self._desks)

    async def wait_subscribed(self) -> None:
        """Wait until there is a live subscription."""
        await trio.lowlevel.checkpoint()
        while not self.is_subscribed:
            await self._subscribed.wait()

    def send_notice(self, *plaintexts: str, lag: float = 0, in_turn: bool = True) -> None:
        """Send one frame with these records, to whoever is subscribed when it leaves.

        Frames leave in the order of the calls: one never overtakes an earlier one
        because the lag was changed in between.  One that is not ``in_turn`` leaves when
        its own lag is over, whatever leaves before it, and holds back none.
        """
        now = trio.current_time()
        if not in_turn:
            self._send_later(_Post(now + lag, self._posts, plaintexts, in_turn))
            return
        due = max(now + lag, self._last_due)
        if self._waiting or due > now:
            self._last_due = due
            self._waiting += 1
            self._send_later(_Post(due, self._posts, plaintexts, in_turn))
        else:
            self._notify(plaintexts)

    def _send_later(self, post: _Post) -> None:
        self._posts += 1
        self._post.send_nowait(post)

    async def _send_posted(self) -> None:
        posts: list[_Post] = []
        while True:
            with trio.move_on_at(posts[0].due if posts else float("inf")):
                heappush(posts, await self._posted.receive())
            while posts and posts[0].due <= trio.current_time():
                post = heappop(posts)
                self._waiting -= post.in_turn
                self._notify(post.plaintexts)

    def _notify(self, plaintexts: tuple[str, ...]) -> None:
        for desk in self._desks:
            desk.notify(*plaintexts)

    async def _serve(self, end: BrokerEnd, reception: Reception) -> None:
        try:
            if reception is None:
                await self._serve_websocket(end)
            else:
                await _disappoint(end, reception)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the client is gone, or was cut off
        finally:
            await trio.aclose_forcefully(end)

    async def _serve_websocket(self, end: BrokerEnd) -> None:
        self._accepted += 1
        desk = WebsocketDesk(
            end,
            ControlDesk(
                self._credentials,
                self._keys,
                refusals=self.refusals,
                is_taken=lambda: self._is_taken(desk),
                random=Random(f"{self._seed}/{self._accepted}"),  # noqa: S311  # repeatable
            ),
            timing=self.timing,
            traffic=self.traffic,
            now=self._now,
            on_subscribed=self._on_subscribed,
        )
        desk.ignores_goodbye = self.ignores_goodbye
        try:
            async with trio.open_nursery() as nursery:
                link = await nursery.start(accept_link, desk.wire)
                self._desks.append(desk)
                await desk.run(link)
                nursery.cancel_scope.cancel(reason="the connection is over")
        except* KXTError:
            pass  # the client left, or spoke nonsense, during the handshake
        finally:
            if desk in self._desks:
                self._desks.remove(desk)

    def _is_taken(self, newcomer: WebsocketDesk) -> bool:
        return self.occupied or any(
            desk.holds_session for desk in self._desks if desk is not newcomer
        )

    def _on_subscribed(self, desk: WebsocketDesk) -> None:
        if self.hang_ups:
            self.hang_ups -= 1
            desk.hang_up()
            return
        self._subscribed.set()
        self._subscribed = trio.Event()


async def _disappoint(end: BrokerEnd, reception: ConnectFault | int) -> None:
    match reception:
        case ConnectFault.REFUSED:
            end.abort()
        case ConnectFault.HANGING:
            await _read_to_the_end(end)
        case ConnectFault.GARBAGE:
            await end.send_all(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
            await _read_to_the_end(end)
        case ConnectFault.EOF:
            await end.receive_some(_HEAD_BYTES)
        case int(status):
            await end.receive_some(_HEAD_BYTES)
            head = (
                f"HTTP/1.1 {status} Rejected\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            await end.send_all(head.encode())


async def _read_to_the_end(end: BrokerEnd) -> None:
    while await end.receive_some(_HEAD_BYTES):
        pass
