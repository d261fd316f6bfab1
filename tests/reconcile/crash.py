"""Kills a listening program, again and again, while the broker keeps filling orders.

``python -m tests.reconcile.crash --kills 500`` from the project's root.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import closing
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Self, TypeAlias

import attrs
import trio

from kxt_trio.reconcile.journal_check import verify_journal
from kxt_trio.testing import FakeKIS, serve_fake_kis

from . import crash_program

__all__ = ["Outcome", "crash", "main"]

#: Order totals by trade date and number: quantity and amount.
Totals: TypeAlias = dict[tuple[str, str], tuple[Decimal, Decimal]]

_PATIENCE = 120.0


@attrs.define
class Outcome:
    """What came of it; ``wrong`` says what was lost or doubled."""

    kills: int = 0
    fills: int = 0
    recovered: int = 0
    again: int = 0
    wrong: list[str] = attrs.field(factory=list)


class Program:
    """One that can be started and killed quickly."""

    def __init__(self, folder: Path, kis: FakeKIS) -> None:
        self.kis = kis
        self.journal = folder / "fills.db"
        self.notes = folder / "notes.txt"
        self.notes.touch()
        keys = kis.credentials
        self.command = [
            sys.executable,
            crash_program.__file__,
            kis.endpoints.rest,
            kis.endpoints.websocket,
            str(self.journal),
            str(self.notes),
            keys.app_key,
            keys.app_secret,
            str(keys.hts_id),
            str(keys.account_no),
        ]
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "XDG_CACHE_HOME": str(folder),  # the token's place
        }
        self.process: trio.Process
        self.child: int | None = None

    async def __aenter__(self) -> Self:
        self.process = await trio.lowlevel.open_process(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self.environment,
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self.child is not None:
            os.kill(self.child, signal.SIGKILL)
        self.process.kill()
        with trio.CancelScope(shield=True):
            await self.process.wait()
            await self.process.stdin.aclose()
            await self.process.stdout.aclose()

    async def _line(self) -> str:
        line = b""
        while not line.endswith(b"\n"):
            more = await self.process.stdout.receive_some(1)
            assert more, "the program that starts the others is gone"
            line += more
        return line.decode().strip()

    async def start(self) -> None:
        await self.process.stdin.send_all(b"start\n")
        self.child = int(await self._line())

    async def kill(self) -> None:
        os.kill(self.child, signal.SIGKILL)
        assert await self._line() == "over"
        self.child = None
        while self.kis.sessions:  # noqa: ASYNC110  # nothing tells
            await trio.sleep(0.002)


async def trade(kis: FakeKIS, chance: random.Random) -> None:
    """Fill orders piece by piece, now and then many at once, until cancelled."""
    open_orders: list[tuple[str, int]] = []
    while True:
        if len(open_orders) < 4:
            quantity = chance.randint(1, 20)
            price = chance.randint(100, 90_000)
            open_orders.append((kis.place("005930", quantity=quantity, price=price), quantity))
        order_id, rest = open_orders.pop(chance.randrange(len(open_orders)))
        quantity = chance.randint(1, rest)
        kis.fill(order_id, quantity=quantity, price=chance.randint(100, 90_000))
        if rest > quantity:
            open_orders.append((order_id, rest - quantity))
        if chance.random() < 0.98:
            await trio.sleep(chance.expovariate(1 / 0.03))
        else:
            for _ in range(50):
                kis.fill(kis.place("000660", quantity=2, price=chance.randint(100, 90_000)))


async def crash(folder: Path, kills: int, seed: int = 0) -> Outcome:
    """Kill the program so many times; let it catch up; compare."""
    chance = random.Random(seed)
    async with trio.open_nursery() as nursery:
        kis: FakeKIS = await nursery.start(serve_fake_kis)
        first_day = kis.now.date()
        async with Program(folder, kis) as program, trio.open_nursery() as market:
            await program.start()
            with trio.fail_after(_PATIENCE):
                await kis.wait_subscribed()
            await trio.sleep(1.5)  # the token is on disk, the baseline is known
            market.start_soon(trade, kis, chance)
            for _ in range(kills):
                await trio.sleep(_lifetime(chance))
                await program.kill()
                await trio.sleep(chance.choice((0, 0, 0.2)) * chance.random())
                await program.start()
                if chance.random() < 0.8:
                    with trio.fail_after(_PATIENCE):
                        await kis.wait_subscribed()
            market.cancel_scope.cancel()
        truth: Totals = {}
        for day in {first_day, kis.now.date()}:
            for number, totals in kis.totals(day=day).items():
                truth[f"{day:%Y%m%d}", number] = totals
        async with Program(folder, kis) as program:
            await program.start()
            await catch_up(program.notes, truth)
            await program.kill()
        nursery.cancel_scope.cancel()
    return compare(program, truth, kills)


async def catch_up(notes: Path, truth: Totals) -> None:
    """Wait until everything is noted, or nothing more comes: the consumer is a slow one."""
    size, grown_at = -1, trio.current_time()
    while trio.current_time() < grown_at + _PATIENCE:
        if notes.stat().st_size != size:
            size, grown_at = notes.stat().st_size, trio.current_time()
            if noted(notes).totals == truth:
                return
        await trio.sleep(0.2)


def _lifetime(chance: random.Random) -> float:
    return chance.choice((0.1, 0.5, 1.0)) * chance.random()


@attrs.define
class Noted:
    """What the consumer wrote down."""

    fills: dict[str, tuple[Decimal, Decimal]] = attrs.field(factory=dict)
    again: int = 0
    wrong: list[str] = attrs.field(factory=list)
    totals: Totals = attrs.field(factory=dict)


def noted(path: Path) -> Noted:
    """Read the notes; each fill counts once."""
    found = Noted()
    for line in path.read_text().splitlines():
        fill_id, quantity, amount = line.split()
        what = Decimal(quantity), Decimal(amount)
        found.again += fill_id in found.fills
        if found.fills.setdefault(fill_id, what) != what:
            found.wrong.append(f"{fill_id} came with two contents")
    intervals = defaultdict(list)
    for fill_id, (quantity, amount) in found.fills.items():
        _, _, day, number, interval = fill_id.split(".")
        start, end = map(int, interval.split("-"))
        intervals[day, number].append((start, end, quantity, amount))
    for order, parts in intervals.items():
        parts.sort()
        reached = 0
        for start, end, quantity, _ in parts:
            if start != reached or end - start != quantity:
                found.wrong.append(f"order {order}: {start}-{end} does not join {reached}")
            reached = end
        found.totals[order] = Decimal(reached), sum(part[3] for part in parts)
    return found


def compare(program: Program, truth: Totals, kills: int) -> Outcome:
    """Hold the notes and the journal against the truth."""
    seen = noted(program.notes)
    wrong = [*seen.wrong, *verify_journal(program.journal).problems]
    recorded: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal()] * 2)
    recovered = 0
    with closing(sqlite3.connect(program.journal)) as connection:
        rows = connection.execute(
            "SELECT kind, trade_date, number, quantity, amount, origin, fill_id FROM rec"
            " WHERE quantity != 0"
        ).fetchall()
    for kind, day, number, quantity, amount, origin, fill_id in rows:
        total = recorded[day.replace("-", ""), number]
        total[:] = total[0] + quantity, total[1] + Decimal(amount)
        recovered += origin == "recovered"
        if kind != "deliver":
            wrong.append(f"order {number}: a {kind} of {quantity}")
        if fill_id not in seen.fills:
            wrong.append(f"{fill_id} was not delivered")
    for name, totals in (
        ("noted", seen.totals),
        ("recorded", {order: tuple(total) for order, total in recorded.items()}),
    ):
        wrong += [
            f"order {order}: {name} {totals.get(order)}, filled {truth.get(order)}"
            for order in sorted({*truth, *totals})
            if totals.get(order) != truth.get(order)
        ]
    return Outcome(kills, len(seen.fills), recovered, seen.again, wrong)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        outcome = trio.run(partial(crash, Path(folder), options.kills, options.seed))
    print(outcome)
    return int(bool(outcome.wrong))


if __name__ == "__main__":
    sys.exit(main())
