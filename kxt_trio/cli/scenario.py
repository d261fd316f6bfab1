"""The demo's little trading day, as it is played at a stand-in broker."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

import trio

from kxt_trio import FillStream
from kxt_trio.status import SUBSCRIBED
from kxt_trio.testing import FakeKIS
from kxt_trio.transport.network import open_tcp

from .plan import PLANS, PlacedOrder, Plan
from .rows import gap_times
from .stage import Stage
from .tally import Tally

__all__ = ["Cable", "Scenario"]

#: Seconds between two things that happen, and how long the link is down.
_BEAT = 0.7
_BRISK = 0.4
_DOWNTIME = 2.2
_SETTLE = 0.4
#: How long a fill may be under way on this machine before the demo gives up on it, and
#: how long one that has to be recovered.
_PATIENCE = 10.0
_LONG_PATIENCE = 30.0
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
        tally: What the stream has delivered so far.
        orders: How many to place.

    Attributes:
        orders: The orders placed so far.
    """

    def __init__(
        self,
        kis: FakeKIS,
        cable: Cable,
        stage: Stage,
        *,
        tally: Tally,
        orders: int,
    ) -> None:
        self._kis = kis
        self._cable = cable
        self._stage = stage
        self._tally = tally
        self._plans = list(islice(cycle(PLANS), orders))
        self._told = 0
        self.orders: list[PlacedOrder] = []

    async def play(self, stream: FillStream) -> None:
        """Place orders, fill them, cut the link, fill on, mend it, lose a notice, finish."""
        self._stage.caption = "Orders are placed; the broker fills them bit by bit."
        for plan in self._plans:
            if plan.before:
                await self._trade(await self._place(plan, _BEAT), plan.before, _BEAT)
        await self._wait_heard()
        await trio.sleep(_BEAT)
        await self._lose_the_link(stream)
        self._stage.caption = "New fills are shown at once; the broker is asked for the rest."
        for plan in self._plans:
            if not plan.before:
                await self._trade(await self._place(plan, _BRISK), plan.after, _BRISK)
        for order in list(self.orders):
            await self._trade(order, order.plan.after if order.plan.before else (), _BRISK)
            for quantity in order.plan.dropped:
                await trio.sleep(_BRISK)
                self._kis.fill(order.order_id, quantity=quantity, notify=False)
                await self._stage.tell("unheard", f"{order.line(quantity)}  notice lost")
        await self._wait_heard()
        await self._recover(stream)

    async def _place(self, plan: Plan, pause: float) -> PlacedOrder:
        await trio.sleep(pause)
        order_id = self._kis.place(
            plan.symbol, quantity=plan.quantity, price=plan.price, side=plan.side
        )
        order = PlacedOrder(order_id, plan)
        self.orders.append(order)
        await self._stage.tell("order", order.line(plan.quantity))
        return order

    async def _trade(
        self, order: PlacedOrder, quantities: tuple[int, ...], pause: float
    ) -> None:
        await trio.lowlevel.checkpoint()
        last = None
        for quantity in quantities:
            if quantity != last:
                await trio.sleep(pause)
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
            await trio.sleep(_DOWNTIME / (len(unheard) + 1))
            self._kis.fill(order.order_id, quantity=quantity)
            await self._stage.tell("unheard", f"{order.line(quantity)}  link down")
        await trio.sleep(_DOWNTIME / (len(unheard) + 1))
        self._cable.plug()
        await stream.wait_live()
        gap = stream.statistics().gaps[-1]
        await self._stage.tell("link", f"subscribed again; reported gap: {gap_times(gap)}")

    def _unheard_fills(self) -> Iterator[tuple[PlacedOrder, int]]:
        for order in self.orders:
            for quantity in order.plan.unheard:
                yield order, quantity

    async def _recover(self, stream: FillStream) -> None:
        """Wait for what the stream has to find out; what does not come is counted later."""
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(_LONG_PATIENCE):
            await self._tally.wait_sums(self._kis.totals())
            await stream.wait_verified()
            await self._stage.tell("link", "verified: the broker confirms what was delivered")
        self._stage.caption = "Counting."
        await trio.sleep(_SETTLE)  # time for a fill too many to show up

    async def _wait_heard(self) -> None:
        """Wait for everything the stream was told; what does not come is counted later."""
        await trio.lowlevel.checkpoint()
        with trio.move_on_after(_PATIENCE):
            await self._tally.wait_live(self._told)


async def _wait_lost(stream: FillStream) -> None:
    while True:
        await trio.sleep(_POLL)
        if stream.state not in SUBSCRIBED:
            return
