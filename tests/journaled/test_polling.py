"""Streams with a journal that are asked without waiting."""

from __future__ import annotations

import contextlib

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import StreamPolicy
from kxt_trio.testing import FakeKIS

from .trading import client_of, opened, quantity_of, take, trade


async def poll(fills, count: int) -> list[int]:
    taken = []
    for _ in range(1_000):
        if len(taken) == count:
            return taken
        try:
            taken.append(quantity_of(fills.receive_nowait()))
        except trio.WouldBlock:
            await trio.sleep(0.1)
    raise AssertionError(f"only {len(taken)} fills came")


async def test_a_stream_that_is_only_polled(path, autojump_clock):
    """With what was not acknowledged before, what overflowed, and what comes."""
    policy = StreamPolicy(buffer_size=5)
    async with FakeKIS() as kis:
        async with opened(kis, path, policy=policy):
            trade(kis, *range(1, 51))
            await wait_all_tasks_blocked()
        async with client_of(kis, path, policy=policy) as client:
            fills = client.stream_fill_updates()
            assert await poll(fills, 50) == list(range(1, 51))
            with pytest.raises(trio.WouldBlock):
                fills.receive_nowait()
            await fills.wait_live()
            for start in (100, 200):
                trade(kis, *range(start, start + 50))
                await wait_all_tasks_blocked()
                assert await poll(fills, 50) == list(range(start, start + 50))
            trade(kis, 3)
            assert await poll(fills, 1) == [3]
            await fills.aclose()
            with pytest.raises(trio.ClosedResourceError):
                fills.receive_nowait()


async def test_polled_after_the_client_was_left(path, autojump_clock):
    async with FakeKIS() as kis:
        async with client_of(kis, path, policy=StreamPolicy(buffer_size=5)) as client:
            fills = client.stream_fill_updates()
            await fills.wait_live()
            trade(kis, *range(1, 11))
            await wait_all_tasks_blocked()
        assert await poll(fills, 5) == [1, 2, 3, 4, 5]
        with pytest.raises(trio.EndOfChannel):
            fills.receive_nowait()


async def test_polling_takes_nothing_from_a_task_that_waits(path, autojump_clock):
    async with FakeKIS() as kis, opened(kis, path) as fills, trio.open_nursery() as nursery:
        taken: list[int] = []

        async def wait() -> None:
            taken.extend(await take(fills, 20))

        nursery.start_soon(wait)
        await fills.wait_verified()
        polled: list[int] = []
        for quantity in range(1, 31):
            trade(kis, quantity)
            for _ in range(20):
                await trio.lowlevel.checkpoint()
                with contextlib.suppress(trio.WouldBlock):
                    polled.append(quantity_of(fills.receive_nowait()))
        await trio.sleep(1)
        assert sorted(taken + polled) == list(range(1, 31))
        assert len(taken) == 20
