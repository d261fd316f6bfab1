"""What was acknowledged does not come again, and what was not does."""

from __future__ import annotations

import gc

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio.reconcile.journal_check import verify_journal
from kxt_trio.testing import FakeKIS

from .trading import client_of, cursors, opened, quantity_of, take, trade


async def test_what_was_not_acknowledged_comes_again(path, autojump_clock):
    async with FakeKIS() as kis:
        async with opened(kis, path) as fills:
            trade(kis, 1, 2, 3, 4)
            assert await take(fills, 3) == [1, 2, 3]  # asking for 3 acknowledges 2
        async with opened(kis, path) as fills:
            assert await take(fills, 2) == [3, 4]
            with trio.move_on_after(1):
                await fills.receive()  # asking for a fifth acknowledges the fourth
        async with opened(kis, path) as fills:
            trade(kis, 5)
            assert await take(fills, 1) == [5]


async def test_what_comes_again_is_what_came(path, autojump_clock):
    async with FakeKIS() as kis:
        async with opened(kis, path) as fills:
            trade(kis, 6)
            before = await fills.receive()
        async with opened(kis, path) as fills:
            again = await fills.receive()
        assert again == before
        for name in ("fill_id", "account", "origin", "side", "raw", "cumulative_quantity"):
            assert getattr(again, name) == getattr(before, name)


async def test_a_failing_block_does_not_acknowledge_what_it_worked_on(path, autojump_clock):
    async with FakeKIS() as kis:
        trouble = RuntimeError("the strategy has a bug")
        with pytest.raises(RuntimeError) as caught:
            async with opened(kis, path) as fills:
                trade(kis, 1, 2)
                await take(fills, 2)
                raise trouble
        assert caught.value is trouble
        async with opened(kis, path) as fills:
            assert await take(fills, 1) == [2]


async def test_asking_without_waiting_acknowledges_too(path, autojump_clock):
    async with FakeKIS() as kis:
        async with opened(kis, path) as fills:
            with trio.move_on_after(1):
                await fills.receive()
            trade(kis, 1, 2, 3)
            await wait_all_tasks_blocked()
            assert [quantity_of(fills.receive_nowait()) for _ in range(3)] == [1, 2, 3]
            with pytest.raises(trio.WouldBlock):
                fills.receive_nowait()
        assert cursors(path)["default"] == verify_journal(path).records


async def test_an_acknowledgement_is_written_with_the_next_fill(path, disk, autojump_clock):
    async with FakeKIS() as kis, opened(kis, path) as fills:
        await fills.wait_verified()
        await trio.sleep(1)
        disk.batches.clear()
        rows = []
        for quantity in range(1, 6):
            trade(kis, quantity)
            await take(fills, 1)
            rows.append(cursors(path)["default"])
            await trio.sleep(0.01)
        assert disk.batches == [1] * 5
        assert rows == sorted(set(rows))


async def test_an_acknowledgement_is_written_soon_when_nothing_comes(path, autojump_clock):
    async with FakeKIS() as kis, opened(kis, path) as fills:
        await fills.wait_verified()
        await trio.sleep(1)
        before = cursors(path)["default"]
        trade(kis, 1)
        await take(fills, 1)
        with trio.move_on_after(0.03):
            await fills.receive()
        assert cursors(path)["default"] == before
        await trio.sleep(0.03)
        assert cursors(path)["default"] > before


async def test_what_a_closed_stream_acknowledged_is_written_soon(path, autojump_clock):
    async with FakeKIS() as kis, client_of(kis, path) as client:
        async with client.stream_fill_updates() as fills:
            await fills.wait_live()
            await trio.sleep(1)
            trade(kis, 1, 2)
            await wait_all_tasks_blocked()
            await take(fills, 2)
        before = cursors(path)["default"]
        await trio.sleep(0.06)
        assert cursors(path)["default"] > before


async def test_an_acknowledgement_that_cannot_be_written_is_written_later(
    path, disk, autojump_clock
):
    async with FakeKIS() as kis:
        async with opened(kis, path) as fills:
            await fills.wait_verified()
            trade(kis, 1)
            await take(fills, 1)
            disk.is_full = True
            with trio.move_on_after(1):
                await fills.receive()
            disk.is_full = False
            trade(kis, 2)
            assert await take(fills, 1) == [2]
        async with opened(kis, path) as fills:
            assert await take(fills, 1) == [2]


async def test_dropped_without_a_close_it_goes_on_where_it_was(path, autojump_clock):
    async with FakeKIS() as kis, client_of(kis, path) as client:
        fills = client.stream_fill_updates()
        await fills.wait_live()
        trade(kis, 1, 2, 3)
        await wait_all_tasks_blocked()
        assert await take(fills, 3) == [1, 2, 3]
        del fills
        gc.collect()
        again = client.stream_fill_updates()
        assert await take(again, 1) == [3]
        await again.aclose()
