"""The demo's little trading day, as it is played at a stand-in broker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import cycle, islice

import trio

from kxt_trio import FillStream, StreamState
from kxt_trio.testing import FakeKIS
from kxt_trio.transport.network import open_tcp
from kxt_trio.watched import Watched

from .plan import PLANS, PlacedOrder, Plan
from .rows import gap_times
from .stage import Stage

__all__ = ["Cable", "Scenario"]

#: Seconds between two things that happen, and how long the link is down.
_BEAT = 0.7
_DOWNTIME = 2.2
_SETTLE = 0.4
#: How long a fill may be under way on this machine before the demo gives up on it.
_PATIENCE = 10.0
_POLL = 0.01


class Cable:
    """What the demo cuts: while it is out, no connection can be made."""

    def __init__(self) -> None:
        self._in = trio.Event()
        self._in.set()

    def pull(self) -> None:
        """Take it out.  Connections that are open stay so."""
        self._in = trio.Event()

    def plug(self) -> None:
        """Put it back; whoever waits to connect goes on."""
        self._in.set()

    async def open_stream(self, host: str, port: int, tls: bool) -> trio.abc.Stream:
        """Open a TCP stream as soon as the cable is in."""
        await self._in.wait()
        return await open_tcp(host, port, tls)


class Scenario:
    """Plays the day, at a stand-in broker.

    Args:
        kis: The broker.
        cable: Its only connection to the client.
        stage: Is told what happens.
        heard: How many fills the stream has delivered so far.
        orders: How many to place.
        speed: 2 is twice as fast.

    Attributes:
        orders: The orders placed so far.
        unheard_times: When something was filled with nobody listening.
    """

    def __init__(
        self,
        kis: FakeKIS,
        cable: Cable,
        stage: Stage,
        *,
        heard: Watched[int],
        orders: int,
        speed: float,
    ) -> None:
        self._kis = kis
        self._cable = cable
        self._stage = stage
        self._heard = heard
        self._plans = list(islice(cycle(PLANS), orders))
        self._speed = speed
        self._told = 0
        self.orders: list[PlacedOrder] = []
        self.unheard_times: list[datetime] = []

    async def play(self, stream: FillStream) -> None:
        """Place orders, fill them, cut the link, fill on, mend it, and finish."""
        self._stage.caption = "Orders are placed; the broker fills them bit by bit."
        for plan in self._plans:
            if plan.before:
                await self._trade(await self._place(plan), plan.before)
        await self._wait_heard()
        await self._pause(_BEAT)
        await self._lose_the_link(stream)
        self._stage.caption = "Live again.  The broker goes on where it was."
        for order in list(self.orders):
            await self._trade(order, order.plan.after)
        for plan in self._plans:
            if not plan.before:
                await self._trade(await self._place(plan), plan.after)
        await self._wait_heard()
        self._stage.caption = "Counting."
        await self._pause(_SETTLE)  # time for a fill too many to show up

    async def _place(self, plan: Plan) -> PlacedOrder:
        await self._pause(_BEAT)
        order_id = self._kis.place(
            plan.symbol, quantity=plan.quantity, price=plan.price, side=plan.side
        )
        order = PlacedOrder(order_id, plan)
        self.orders.append(order)
        await self._stage.tell("order", order.line(plan.quantity))
        return order

    async def _trade(self, order: PlacedOrder, quantities: tuple[int, ...]) -> None:
        await trio.lowlevel.checkpoint()
        last = None
        for quantity in quantities:
            if quantity != last:
                await self._pause(_BEAT)
            self._kis.fill(order.order_id, quantity=quantity)
            self._told += 1
            last = quantity

    async def _lose_the_link(self, stream: FillStream) -> None:
        self._cable.pull()
        self._kis.drop()
        self._stage.caption = "The link is down.  Orders are filled, and nobody hears it."
        await _wait_lost(stream)
        await self._stage.tell(
            "link", "lost: this demo cut it; what is filled now, nobody hears"
        )
        unheard = list(self._unheard_fills())
        for order, quantity in unheard:
            await self._pause(_DOWNTIME / (len(unheard) + 1))
            self._kis.fill(order.order_id, quantity=quantity)
            self.unheard_times.append(self._kis.now)
            order.unheard_quantity += quantity
            order.unheard_amount += quantity * order.plan.price
            await self._stage.tell("unheard", order.line(quantity))
        await self._pause(_DOWNTIME / (len(unheard) + 1))
        self._cable.plug()
        await stream.wait_live()
        gap = stream.statistics().gaps[-1]
        await self._stage.tell("link", f"live again; reported gap: {gap_times(gap)}")

    def _unheard_fills(self) -> Iterator[tuple[PlacedOrder, int]]:
        for order in self.orders:
            for quantity in order.plan.unheard:
                yield order, quantity

    async def _wait_heard(self) -> None:
        """Wait for everything the stream was told; what does not come is counted later."""
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(_PATIENCE):
            await self._heard.wait(lambda count: count >= self._told)

    async def _pause(self, seconds: float) -> None:
        await trio.sleep(seconds / self._speed)


async def _wait_lost(stream: FillStream) -> None:
    while True:
        await trio.sleep(_POLL)
        if stream.state is not StreamState.LIVE:
            return
