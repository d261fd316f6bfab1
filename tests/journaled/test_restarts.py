"""A new run with the old journal: it goes on where the last one was."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal

import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import FillOrigin
from kxt_trio.testing import FakeKIS

from .trading import opened, quantity_of, recorded, take, trade


async def take_all(fills) -> list[int]:
    """Everything that is there within two minutes, in which all is verified."""
    taken = []
    with trio.move_on_after(120):
        async for fill in fills:
            taken.append(quantity_of(fill))
    return taken


async def test_a_restart_goes_on_where_it_was(path, autojump_clock):
    async with FakeKIS() as kis:
        seen: list[int] = []
        for run in range(1, 6):
            async with opened(kis, path) as fills:
                if run > 1:
                    seen += await take(fills, 3)  # the last one again, and two missed
                await fills.wait_verified()
                trade(kis, 10 * run)
                seen += await take(fills, 1)
                await trio.sleep(run)
            trade(kis, 10 * run + 1, 10 * run + 2)  # nobody is running
            await trio.sleep(60)
        async with opened(kis, path) as fills:
            seen += await take_all(fills)
            assert fills.statistics().corrections == 0
        assert recorded(path) == kis.totals()
        assert sorted(set(seen)) == sorted(
            10 * run + n for run in range(1, 6) for n in range(3)
        )


async def test_fills_made_while_the_program_was_down_are_recovered(path, autojump_clock):
    async with FakeKIS() as kis:
        async with opened(kis, path):
            order_id = kis.place("005930", quantity=10, price=100)
            kis.fill(order_id, quantity=2)
            await wait_all_tasks_blocked()
        stopped_at = kis.now
        kis.fill(order_id, quantity=3, price=99)
        kis.fill(order_id, quantity=4, price=98)
        await trio.sleep(3600)
        async with opened(kis, path) as fills:
            live, found = [await fills.receive() for _ in range(2)]
        assert (quantity_of(live), live.origin) == (2, FillOrigin.LIVE)
        assert (quantity_of(found), found.origin) == (7, FillOrigin.RECOVERED)
        assert found.amount == 3 * 99 + 4 * 98
        assert (live.fill_id.split(".")[-1], found.fill_id.split(".")[-1]) == ("0-2", "2-9")
        assert stopped_at <= found.executed_between[1] <= kis.now
        assert recorded(path) == kis.totals()


async def test_what_was_missed_before_a_day_ended_is_found_the_next(path, autojump_clock):
    async with FakeKIS() as kis:
        async with opened(kis, path) as fills:
            trade(kis, 1)
            await take(fills, 1)
            await fills.wait_verified()
        trade(kis, 5)
        first_day = kis.now.date()
        await trio.sleep(24 * 3600)
        async with opened(kis, path) as fills:
            trade(kis, 7)
            assert sorted(await take_all(fills)) == [1, 5, 7]
        assert len(kis.totals()) == 1
        totals = [*kis.totals(day=first_day).values(), *kis.totals().values()]
        filled = [Decimal(1 * 101), Decimal(5 * 105), Decimal(7 * 107)]
        assert [amount for _, amount in totals] == filled
        with closing(sqlite3.connect(path)) as connection:
            amounts = "SELECT sum(amount) FROM rec WHERE kind = 'deliver'"
            assert connection.execute(amounts).fetchone() == (sum(filled),)
