"""Consumers of one journal: each by its name, each at its own place."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import KXTValidationError, StreamPolicy
from kxt_trio.journaled import JournaledFillStream
from kxt_trio.testing import FakeKIS

from .trading import client_of, cursors, opened, quantity_of, take, trade

# -- where each one is -------------------------------------------------------------


async def test_a_new_consumer_begins_with_what_comes(path, autojump_clock):
    async with FakeKIS() as kis:
        async with opened(kis, path) as fills:
            trade(kis, 1, 2)
            await take(fills, 2)
        async with opened(kis, path, consumer="late") as fills:
            trade(kis, 3)
            assert await take(fills, 1) == [3]


async def test_a_consumer_that_never_asked_is_known_from_the_subscription_on(
    path, autojump_clock
):
    async with FakeKIS() as kis:
        async with opened(kis, path, consumer="slow to start"):
            trade(kis, 1)
            await wait_all_tasks_blocked()
        trade(kis, 2)
        async with opened(kis, path, consumer="slow to start") as fills:
            assert await take(fills, 2) == [1, 2]


async def test_consumers_are_independent(path, autojump_clock):
    async with FakeKIS() as kis:
        async with client_of(kis, path) as client:
            one = client.stream_fill_updates(consumer="one")
            two = client.stream_fill_updates(consumer="two")
            async with one, two:
                await one.wait_live()
                await two.wait_live()
                trade(kis, 1, 2, 3)
                assert await take(one, 3) == [1, 2, 3]
                assert await take(two, 1) == [1]
        async with client_of(kis, path) as client:
            async with client.stream_fill_updates(consumer="two") as two:
                assert await take(two, 3) == [1, 2, 3]
            async with client.stream_fill_updates(consumer="one") as one:
                assert await take(one, 1) == [3]


@pytest.mark.parametrize("_again", range(12))  # trio's order of tasks is a coin toss
async def test_who_asks_at_once_after_a_restart_misses_nothing(_again, path, autojump_clock):
    async with FakeKIS() as kis:
        async with opened(kis, path) as fills:
            trade(kis, 1)
            await take(fills, 1)
        async with client_of(kis, path) as client, client.stream_fill_updates() as fills:
            assert await take(fills, 1) == [1]


async def test_a_consumer_is_not_served_twice_at_once(path, autojump_clock):
    async with FakeKIS() as kis, client_of(kis, path) as client:
        first = client.stream_fill_updates()
        with pytest.raises(KXTValidationError, match="'default' is open"):
            client.stream_fill_updates()
        await first.aclose()
        async with client.stream_fill_updates() as second:
            await second.wait_live()


async def test_two_tasks_share_a_stream_without_doubles(path, autojump_clock):
    policy = StreamPolicy(buffer_size=3)
    async with FakeKIS() as kis:
        async with opened(kis, path):
            trade(kis, *range(1, 301))
            await wait_all_tasks_blocked()
        taken: list[int] = []
        async with opened(kis, path, policy=policy) as fills, trio.open_nursery() as nursery:

            async def work() -> None:
                async for fill in fills:
                    taken.append(quantity_of(fill))

            for _ in range(3):
                nursery.start_soon(work)
            await wait_all_tasks_blocked()
            trade(kis, *range(301, 501))
            await trio.sleep(1)
            nursery.cancel_scope.cancel()
        assert taken == list(range(1, 501))


# -- for whom ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clients", "streams"),
    [
        ("12345678", "12345678-01"),
        ("12345678-01", "12345678"),
        ("12345678-01", "12345678-01"),
        ("12345678", "12345678"),
    ],
)
async def test_however_the_account_is_written(path, clients, streams, autojump_clock):
    async with FakeKIS(account_no="12345678") as kis:
        given = {"account_no": clients, "account_product_code": None}
        for _ in range(2):
            async with (
                client_of(kis, path, **given) as client,
                client.stream_fill_updates(account_no=streams, consumer="bot") as fills,
            ):
                await fills.wait_live()
                trade(kis, 1)
                assert await take(fills, 1) == [1]
        assert set(cursors(path)) == {"bot"}


@pytest.mark.parametrize("other", ["87654321", "12345678-02"])
async def test_another_accounts_consumer_is_refused(path, other, autojump_clock):
    async with FakeKIS(account_no="12345678") as kis, client_of(kis, path) as client:
        with pytest.raises(KXTValidationError, match="the client's account alone"):
            client.stream_fill_updates(account_no=other, consumer="bot")
        async with client.stream_fill_updates(account_no=other) as fills:
            assert not isinstance(fills, JournaledFillStream)


@pytest.mark.parametrize("name", ["", "  ", 5, b"x", "\udc80", Path("x")])
async def test_a_consumer_has_a_name(path, name, autojump_clock):
    async with FakeKIS() as kis, client_of(kis, path) as client:
        with pytest.raises(KXTValidationError, match="consumer's name"):
            client.stream_fill_updates(consumer=name)
        async with client.stream_fill_updates() as fills:
            await fills.wait_live()
            trade(kis, 1)
            assert await take(fills, 1) == [1]
