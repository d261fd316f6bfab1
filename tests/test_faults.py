"""Everything at once: random schedules of faults through the whole library.

A schedule is data: hypothesis makes and shrinks some, seeds make others.  It is played in
virtual time against the stand-in broker, once without reconciliation, where every fill
that was sent and not cut must arrive, and once with it, where every fill must.

``HYPOTHESIS_PROFILE=fuzz`` plays more of them, and
``python -m tests.test_faults --seeds 1000`` as many as wanted.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import attrs
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from kxt_trio import (
    KST,
    Environment,
    FillEvent,
    FillOrigin,
    FillStream,
    KISClient,
    KXTError,
    Reconciliation,
    StreamPolicy,
    StreamState,
)
from kxt_trio.reconcile.rules import Rules
from kxt_trio.testing import FakeKIS

SEEDS = int(os.environ.get("KXT_FAULT_SEEDS", "40"))
#: The suite's share; the profile "fuzz" keeps its own.
GENERATED = min(settings().max_examples, 20) if settings().derandomize else 5_000
GRACE = 2.0

#: A verb of a world, or of the broker, and its arguments.
Step: TypeAlias = tuple[str, tuple[Any, ...]]

#: What a broker should not say, and what it may say at any time.
TEXTS = (
    "",
    "{",
    "[]",
    "{}",
    "\x00" * 5,
    '{"header":null}',
    '{"a":' * 5000,
    "1|H0STCNI0|001|@@",
    '{"header":{"tr_id":"(null)"},"body":{"rt_cd":"9","msg_cd":"OPSP8996","msg1":"x"}}',
    '{"header":{"tr_id":"H0STCNI0"},"body":{"rt_cd":"0","msg_cd":"OPSP0000"}}',
    '{"header":{"tr_id":"H0STCNI0","tr_key":"htsuser1","encrypt":"N"},'
    '"body":{"rt_cd":"0","msg_cd":"OPSP0001","msg1":"UNSUBSCRIBE SUCCESS"}}',
    '{"header":{"tr_id":"PINGPONG","datetime":"20261120090000"}}',
)
TOO_LONG = "x" * (64 * 1024 + 1)
REFUSALS = ("OPSP0007", "OPSP8999", "OPSP0011", "OPSP0002", "OPSP4711", "OPSP8996")
OUTAGES = ((1, 500), (2, 503), (3, None), (1, 403))


def one_of(verb: str, weight: int, *choices: Any) -> list[Step]:
    """The verb with each of the choices, ``weight`` times between them or a little more."""
    if not choices:
        return [(verb, ())] * weight
    arguments = [choice if isinstance(choice, tuple) else (choice,) for choice in choices]
    times = -(-weight // len(arguments))
    return [(verb, argument) for argument in arguments for _ in range(times)]


#: In twelfths of a step.
LINK: list[Step] = [
    *one_of("drop", 24),
    *one_of("close", 24, 1000, 1001, 1011),
    *one_of("close_without_fin", 24),
    *one_of("silence", 12),
    *one_of("refuse", 24, *REFUSALS),
    *one_of("refuse_connections", 24, 1, 2, 4),
    *one_of("hang_connections", 12),
    *one_of("garbage_handshake", 12),
    *one_of("eof_handshake", 12),
    *one_of("reject_handshake", 12, 301, 403, 503),
    *one_of("accept_and_close", 12),
    *one_of("expire_approval_keys", 24),
    *one_of("occupy_session", 4),
    *one_of("rest_down", 24, *OUTAGES),
    *one_of("send_text", 48, *TEXTS, TOO_LONG),
    *one_of("reply_in", 12, 0, 0.5, 3),
    *one_of("attach", 48, "fills", "orders"),
    *one_of("detach", 36, 0, 1, 2),
    *one_of("forget", 24, 0, 1, 2),
    *one_of("advance", 96, 0.01, 0.3, 1, 5, 30, 61, 200),
]
CUTS = ("", "", "", "", "drop", "close", "close_without_fin", "silence", "oversize")
HEARING: list[Step] = [
    *LINK,
    *one_of("fill", 360, *((many, cut) for many in (1, 2, 4) for cut in CUTS)),
    *one_of("swap", 24, 0, 0.05, 0.2, 1, 2.1, 15, 100),
]
COUNTING: list[Step] = [
    *LINK,
    *one_of("order", 96, (1, True), (4, True), (10, True), (60, True), (5, False)),
    *one_of(
        "fill",
        360,
        *(
            (index, part, notify, lag)
            for index in range(4)
            for part in (1, 2, 4)
            for notify, lag in ((True, None), (True, None), (True, 3.5), (False, None))
        ),
    ),
    *one_of("fill_and", 48, *((index, cut) for index in range(4) for cut in CUTS[4:])),
    *one_of("amend", 24, 0, 1, 2),
    *one_of("cancel", 24, 0, 1, 2),
    *one_of("notices_in", 12, 0, 0.5, 2, 3.5),
    *one_of("totals_in", 12, (0, 0), (1, 0.3), (5, 0), (5, 3)),
    *one_of("rest_down", 6, (None, 503), (None, None)),
    *one_of("rest_up", 12),
    *one_of("truncate_pages", 12, 1, 3),
    *one_of("shift_pages", 12, 1, -3),
    *one_of("expire_tokens", 6),
]

STARTS = ("09:00", "15:28", "19:55", "23:40", "23:58")
GOODBYES = ("ignore_goodbye", "silence", "drop")


@attrs.frozen
class Schedule:
    """A run."""

    steps: list[Step]
    connects_per_minute: int = 6
    backoff_max: float = 60
    environment: Environment = Environment.REAL
    start: str = "09:00"
    goodbyes: frozenset[str] = frozenset()
    way_out: str = "end"


def draw(seed: int, steps: list[Step]) -> Schedule:
    """A schedule of this seed."""
    source = random.Random(seed)
    return Schedule(
        steps=source.choices(steps, k=source.randint(20, 80)),
        connects_per_minute=source.choice((6, 60)),
        backoff_max=source.choice((2, 60)),
        environment=source.choice(tuple(Environment)),
        start=source.choice(STARTS),
        goodbyes=frozenset(source.sample(GOODBYES, source.randint(0, 3))),
        way_out=source.choice(("end", "cancel", "raise")),
    )


def schedules(steps: list[Step]) -> st.SearchStrategy[Schedule]:
    """Any schedule."""
    return st.builds(
        Schedule,
        steps=st.lists(st.sampled_from(steps), min_size=5, max_size=60),
        connects_per_minute=st.sampled_from((6, 60)),
        backoff_max=st.sampled_from((2, 60)),
        environment=st.sampled_from(Environment),
        start=st.sampled_from(STARTS),
        goodbyes=st.frozensets(st.sampled_from(GOODBYES)),
        way_out=st.sampled_from(("end", "cancel", "raise")),
    )


# -- the worlds --------------------------------------------------------------------


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


# -- playing -----------------------------------------------------------------------


class _WayOut(Exception):
    pass


async def _play(world: type[World], schedule: Schedule) -> World:
    hour, minute = map(int, schedule.start.split(":"))
    start = datetime(2026, 11, 20, tzinfo=KST) + timedelta(hours=hour, minutes=minute)
    policy = StreamPolicy(
        shutdown_grace=GRACE,
        connects_per_minute=schedule.connects_per_minute,
        backoff_max=schedule.backoff_max,
    )
    async with FakeKIS(environment=schedule.environment, start=start) as kis:
        outer, left_at = trio.CancelScope(), float("inf")
        try:
            with outer:
                async with KISClient(
                    **kis.credentials,
                    network=kis.network,
                    policy=policy,
                    reconcile=world.reconciliation,
                ) as client:
                    played = world(kis, client)
                    await played.play(schedule.steps)
                    await played.rest_case()
                    for fault in sorted(schedule.goodbyes):
                        getattr(kis, fault)()
                    left_at = trio.current_time()
                    if schedule.way_out == "cancel":
                        outer.cancel()
                    elif schedule.way_out == "raise":
                        raise _WayOut
        except _WayOut:
            pass
        except KXTError:  # a stream had failed, and nobody had been told
            assert left_at < float("inf")
        assert trio.current_time() - left_at <= GRACE + 0.001, "the grace was exceeded"
    return played


def play(world: type[World], schedule: Schedule) -> World:
    """Play a schedule; raises what goes wrong."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    return trio.run(_play, world, schedule, clock=clock)


WORLDS: dict[type[World], list[Step]] = {Hearing: HEARING, Counting: COUNTING}


def run(seeds: Iterable[int]) -> dict[str, BaseException]:
    """Play the schedules of these seeds in every world; return what went wrong."""
    faults: dict[str, BaseException] = {}
    for seed in seeds:
        for world, steps in WORLDS.items():
            try:
                play(world, draw(seed, steps))
            except Exception as exc:
                faults[f"{world.__name__} {seed}"] = exc
    return faults


@pytest.mark.parametrize("world", WORLDS)
def test_random_faults_break_no_promise(world):
    recovered = 0
    for seed in range(SEEDS):
        try:
            played = play(world, draw(seed, WORLDS[world]))
        except BaseException as exc:
            exc.add_note(f"seed {seed}")
            raise
        recovered += getattr(played, "recovered", 0)
    assert recovered > SEEDS or world is Hearing  # or the schedules have become too tame


@pytest.mark.parametrize("world", WORLDS)
@settings(max_examples=GENERATED)
@given(data=st.data())
def test_generated_faults_break_no_promise(world, data):
    play(world, data.draw(schedules(WORLDS[world])))


def test_a_ledger_that_neither_waits_nor_holds_is_found_out(monkeypatch):
    monkeypatch.setattr(Rules, "measure", lambda *_: False)
    monkeypatch.setattr(Rules, "holds", lambda *_: False)
    monkeypatch.setattr(Counting, "reconciliation", Reconciliation(stream_lag=0.01))
    with pytest.raises(AssertionError, match=r"more than was filled|not the broker's totals"):
        for seed in range(SEEDS):
            play(Counting, draw(seed, COUNTING))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args(arguments)
    faults = run(range(options.first, options.first + options.seeds))
    for name, exc in faults.items():
        print(f"{name}: {exc!r}")
    print(f"{len(faults)} of {2 * options.seeds} runs went wrong")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
