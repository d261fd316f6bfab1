from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import trio

from kxt_trio import (
    KST,
    KXTAPIError,
    KXTAuthenticationError,
    KXTConnectionError,
    KXTTimeoutError,
)
from kxt_trio.protocol.token import Token
from kxt_trio.transport.access_tokens import AccessTokens
from kxt_trio.transport.token_cache import CachedToken, MemoryTokenCache

START = datetime(2026, 11, 20, 9, tzinfo=KST)


class Broker:
    """Gives out a token a day, and keeps count."""

    def __init__(self) -> None:
        self.started = trio.current_time()
        self.asked_at: list[float] = []
        self.failures: list[Exception] = []
        self.cache = MemoryTokenCache()

    def now(self) -> datetime:
        return START + timedelta(seconds=trio.current_time() - self.started)

    async def issue(self) -> Token:
        self.asked_at.append(trio.current_time() - self.started)
        await trio.sleep(0.2)
        if self.failures:
            raise self.failures.pop(0)
        return Token(f"token {len(self.asked_at)}", self.now() + timedelta(hours=24))

    def client(self) -> AccessTokens:
        return AccessTokens(self.issue, self.cache, self.now)


@pytest.fixture
async def broker(autojump_clock) -> Broker:
    return Broker()


async def test_a_token_is_asked_for_once(broker, autojump_clock):
    client = broker.client()
    assert await client.get() is await client.get()
    assert await broker.client().get() == await client.get()
    assert len(broker.asked_at) == 1


async def test_of_many_tasks_one_asks(broker, autojump_clock):
    async with trio.open_nursery() as nursery:
        for client in (broker.client(), broker.client()):
            for _ in range(5):
                nursery.start_soon(client.get)
    assert len(broker.asked_at) == 1


async def test_a_token_that_ends_is_replaced_in_time(broker, autojump_clock):
    client = broker.client()
    await client.get()
    await trio.sleep(86_400 - 360)
    assert (await client.get()).access_token == "token 1"
    await trio.sleep(90)
    assert (await client.get()).access_token == "token 2"


async def test_a_refused_token_is_replaced(broker, autojump_clock):
    client = broker.client()
    first = await client.get()
    await trio.sleep(100)
    second = await client.get(refused=first)
    assert second.access_token == "token 2"
    assert await client.get() == second


async def test_a_refused_token_that_somebody_replaced_already(broker, autojump_clock):
    one, other = broker.client(), broker.client()
    first = await one.get()
    await other.get()
    await trio.sleep(100)
    second = await one.get(refused=first)
    assert await other.get(refused=first) == second
    assert len(broker.asked_at) == 2


async def test_no_two_are_asked_for_in_a_minute(broker, autojump_clock):
    one, other = broker.client(), broker.client()
    first = await one.get()
    async with trio.open_nursery() as nursery:
        for client in (one, other):
            nursery.start_soon(lambda client=client: client.get(refused=first))
    assert broker.asked_at[0] == 0
    assert 60 < broker.asked_at[1] < 62
    assert len(broker.asked_at) == 2


@pytest.mark.parametrize(
    ("failure", "pause"),
    [
        (KXTAPIError("no", code="EGW00133", status=403), True),
        (KXTAPIError("no", status=503), False),
        (KXTAPIError("no", code="EGW00201", status=500), False),
        (KXTConnectionError("no"), False),
        (KXTTimeoutError("no"), True),
        (KXTAuthenticationError("no"), True),
    ],
)
async def test_after_a_failure_the_minute_counts_if_the_broker_counts_it(
    broker, autojump_clock, failure, pause
):
    broker.failures = [failure]
    client = broker.client()
    with pytest.raises(type(failure)):
        await client.get()
    assert (await client.get()).access_token == "token 2"
    assert (broker.asked_at[1] > 60) is pause


async def test_who_is_cancelled_on_the_way_has_asked_all_the_same(broker, autojump_clock):
    with trio.move_on_after(0.1):
        await broker.client().get()
    await broker.client().get()
    assert broker.asked_at[1] > 60


async def test_a_clock_that_was_set_back_locks_nobody_out(broker, autojump_clock):
    await broker.cache.store(CachedToken(None, START + timedelta(hours=1)))
    with trio.fail_after(1):
        await broker.client().get()


async def test_waiting_for_the_minute_can_be_cancelled(broker, autojump_clock):
    client = broker.client()
    first = await client.get()
    with trio.move_on_after(1) as scope:
        await client.get(refused=first)
    assert scope.cancelled_caught
    async with broker.cache.lock():
        pass


@pytest.mark.parametrize("hours", [-48, 24, 48])
async def test_a_machine_whose_clock_is_wrong_asks_once(broker, autojump_clock, hours):
    ahead = timedelta(hours=hours)
    issue = broker.issue

    async def dated() -> Token:
        token = await issue()
        return Token(token.access_token, token.expires_at, broker.now())

    client = AccessTokens(dated, broker.cache, lambda: broker.now() + ahead)
    for _ in range(1000):
        assert (await client.get()).access_token == "token 1"
        await trio.sleep(60)
    assert len(broker.asked_at) == 1
    await trio.sleep(8 * 3600)
    assert (await client.get()).access_token == "token 2"


async def test_a_refused_token_that_is_given_out_again_is_left_at_that(broker, autojump_clock):
    asked: list[float] = []

    async def same() -> Token:
        asked.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        return Token("same", START + timedelta(hours=20), broker.now())

    client = AccessTokens(same, broker.cache, broker.now)
    for _ in range(120):
        token = await client.get()
        assert await client.get(refused=token) == token
        await trio.sleep(60)
    assert len(asked) <= 4
