"""What a schedule acts on: one world without reconciliation, one with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import trio
import trio.testing

from kxt_trio import (
    FillEvent,
    FillOrigin,
    FillStream,
    KISClient,
    KXTError,
    Reconciliation,
    StreamState,
)
from kxt_trio.testing import FakeKIS

from .schedules import TOO_LONG, Step


class World(ABC):
    """What a schedule acts on, and what must be true of it."""

    reconciliation: Reconciliation

    def __init__(self, kis: FakeKIS, client: KISClient) -> None:
        self.kis = kis
        self.client = client
        self.main: FillStream
        self.others: list[Any] = []

    async def play(self, steps: Iterable[Step]) -> None:
        self.main = await self.listen()
        for verb, arguments in steps:
            await self.go_on()
            act = getattr(self, verb, None)
            if act is None:
                getattr(self.kis, verb)(*arguments)
            else:
                await act(*arguments)
            await trio.sleep(0.002)  # what was sent is read, whatever comes next
            self.drain()
            self.check()

    async def listen(self) -> FillStream:
        """Subscribe, whatever it takes."""
        with trio.fail_after(3600):
            while True:
                stream = self.client.stream_fill_updates()
                try:
                    await stream.wait_live()
                except KXTError:
                    await stream.aclose()
                    self.kis.free_session()
                    await trio.sleep(61)
                else:
                    await self.prove(stream)
                    return stream

    async def prove(self, stream: FillStream) -> None:
        """Assert that a live stream is subscribed, or else notices before long."""
        with trio.fail_after(61):
            while stream.state is StreamState.LIVE and not self.kis.is_subscribed:
                await trio.sleep(0.5)

    async def go_on(self) -> None:
        """Listen again, if the stream has failed."""
        if self.main.state is StreamState.FAILED:
            self.drain()
            await self.main.aclose()
            self.kis.free_session()
            await trio.sleep(61)
            self.main = await self.listen()

    def drain(self) -> None:
        while True:
            try:
                self.hear(self.main.receive_nowait())
            except (trio.WouldBlock, KXTError):
                return

    @abstractmethod
    def hear(self, fill: FillEvent) -> None:
        """Take in a fill that was delivered."""

    @abstractmethod
    def check(self) -> None:
        """Assert what must be true at every step."""

    async def rest_case(self) -> None:
        """Assert what must be true in the end."""
        self.check()

    # Verbs

    async def advance(self, seconds: float) -> None:
        await trio.sleep(seconds)

    async def reply_in(self, seconds: float) -> None:
        self.kis.reply_lag = seconds

    async def attach(self, kind: str) -> None:
        client = self.client
        make: Callable[[], Any] = {
            "fills": client.stream_fill_updates,
            "orders": client.stream_order_events,
        }[kind]
        self.others.append(make())

    async def detach(self, index: int) -> None:
        if self.others:
            await self.others.pop(index % len(self.others)).aclose()

    async def forget(self, index: int) -> None:
        """Drop a stream without closing it."""
        if self.others:
            self.others.pop(index % len(self.others))

    def cut(self, fault: str) -> None:
        if fault == "oversize":
            self.kis.send_text(TOO_LONG)
        elif fault:
            getattr(self.kis, fault)()


class Hearing(World):
    """Without reconciliation: what was sent arrives, once and in order."""

    reconciliation = Reconciliation(enabled=False)

    def __init__(self, kis: FakeKIS, client: KISClient) -> None:
        super().__init__(kis, client)
        self.number = 0
        self.sent: set[int] = set()
        self.heard: list[int] = []

    def hear(self, fill: FillEvent) -> None:
        self.heard.append(int(fill.report.quantity))

    async def fill(self, many: int, cut: str) -> None:
        arrives = self.kis.is_subscribed and cut not in ("drop", "silence")
        for _ in range(many):
            self.number += 1
            self.kis.fill(self.kis.place("005930", quantity=self.number, price=100))
            if arrives:
                self.sent.add(self.number)
        self.cut(cut)

    async def swap(self, pause: float) -> None:
        """Leave with every stream, and come back after a while."""
        for other in self.others:
            await other.aclose()
        self.others.clear()
        self.drain()
        await self.main.aclose()
        await trio.sleep(pause)
        self.main = await self.listen()

    def check(self) -> None:
        assert not self.sent.difference(self.heard), "lost"
        twice = [number for number, times in Counter(self.heard).items() if times > 1]
        assert not twice, "delivered twice"
        assert self.heard == sorted(self.heard), "out of order"
        assert all(number <= self.number for number in self.heard), "made up"


class Counting(World):
    """With reconciliation: everything arrives, to the won, and never more."""

    reconciliation = Reconciliation()

    def __init__(self, kis: FakeKIS, client: KISClient) -> None:
        super().__init__(kis, client)
        self.counted: dict[tuple[date, str], tuple[Decimal, Decimal]] = {}
        self.today = kis.now.date()
        self.days = {self.today}
        self.open: dict[str, int] = {}
        self.price = 100
        self.recovered = 0

    def hear(self, fill: FillEvent) -> None:
        assert fill.fill_id is not None
        _, _, day, number, shares = fill.fill_id.split(".")
        key = datetime.strptime(day, "%Y%m%d").date(), number
        quantity, amount = self.counted.get(key, (Decimal(), Decimal()))
        start, end = map(int, shares.split("-"))
        assert start == quantity, "fill_id does not join the one before"
        quantity += fill.report.quantity
        assert end == quantity == fill.cumulative_quantity, "fill_id does not add up"
        self.counted[key] = quantity, amount + fill.amount
        self.recovered += fill.origin is FillOrigin.RECOVERED

    def check(self) -> None:
        truth = self.truth()
        for key, (quantity, _) in self.counted.items():
            assert quantity <= truth.get(key, (0, 0))[0], f"more than was filled of {key}"

    def truth(self) -> dict[tuple[date, str], tuple[Decimal, Decimal]]:
        return {
            (day, number): totals
            for day in sorted(self.days)
            for number, totals in self.kis.totals(day=day).items()
        }

    async def rest_case(self) -> None:
        self.kis.heal()
        await trio.sleep(70)  # a silenced link is noticed
        await self.go_on()
        self.kis.place("005930", quantity=1, price=100)  # as long as one is open, all are asked
        with trio.fail_after(3600):
            await self.main.wait_verified()
        await trio.sleep(300)
        self.drain()
        assert self.counted == self.truth(), "not the broker's totals"
        statistics = self.main.statistics()
        assert statistics.state is StreamState.LIVE
        assert (statistics.held, statistics.corrections) == (0, 0)
        assert statistics.unverified_orders == 0

    # Verbs

    def pick(self, index: int) -> str | None:
        """An order that can still be filled: today's, since none outlives its day."""
        if self.kis.now.date() != self.today:
            self.today = self.kis.now.date()
            self.days.add(self.today)
            self.open.clear()
        return list(self.open)[-1 - index % len(self.open)] if self.open else None

    async def order(self, quantity: int, announced: bool) -> None:
        self.pick(0)
        number = self.kis.place("005930", quantity=quantity, price=100, announce=announced)
        self.open[number] = quantity

    async def fill(self, index: int, part: int, notify: bool, lag: float | None) -> None:
        number = self.pick(index)
        if number is not None:
            quantity = -(-self.open[number] * part // 4)
            self.price += 7
            self.kis.fill(number, quantity=quantity, price=self.price, notify=notify, lag=lag)
            self.take(number, quantity)

    async def fill_and(self, index: int, cut: str) -> None:
        await self.fill(index, 2, True, None)
        self.cut(cut)

    async def amend(self, index: int) -> None:
        number = self.pick(index)
        if number is not None:
            moved = -(-self.open[number] // 2)
            self.open[self.kis.amend(number, quantity=moved, price=101)] = moved
            self.take(number, moved)

    async def cancel(self, index: int) -> None:
        number = self.pick(index)
        if number is not None:
            taken = -(-self.open[number] // 2)
            self.kis.cancel(number, quantity=taken)
            self.take(number, taken)

    def take(self, number: str, quantity: int) -> None:
        self.open[number] -= quantity
        if not self.open[number]:
            del self.open[number]

    async def notices_in(self, seconds: float) -> None:
        self.kis.notice_lag = seconds

    async def totals_in(self, lag: float, latency: float) -> None:
        self.kis.rest_lag, self.kis.rest_latency = lag, latency
