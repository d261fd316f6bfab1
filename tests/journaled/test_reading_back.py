"""Who is slower than the fills is served from the journal."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import FillNotificationEvent, StreamPolicy, StreamState
from kxt_trio.errors import KXTError
from kxt_trio.reconcile.journal_reader import JournalReader
from kxt_trio.testing import FakeKIS

from .trading import client_of, opened, quantity_of, recorded, take, trade

# -- slow consumers ----------------------------------------------------------------


async def test_a_slow_consumer_is_served_from_the_journal(path, autojump_clock):
    policy = StreamPolicy(buffer_size=7)
    count = 2_000
    async with FakeKIS() as kis, opened(kis, path, policy=policy) as fills:
        taken: list[int] = []
        for start in range(1, count + 1, 100):
            trade(kis, *range(start, start + 100))
            await trio.sleep(0.1)
            taken += await take(fills, 13)
        assert fills.state in {StreamState.RECONCILING, StreamState.LIVE}
        taken += await take(fills, count - len(taken))
        assert taken == list(range(1, count + 1))
        trade(kis, 1)  # and from memory again
        assert await take(fills, 1) == [1]
        assert recorded(path) == kis.totals()


async def test_order_events_beside_it_fail_alone(path, autojump_clock):
    policy = StreamPolicy(buffer_size=4)
    async with FakeKIS() as kis, client_of(kis, path, policy=policy) as client:
        async with client.stream_fill_updates() as fills:
            events = client.stream_order_events()
            await fills.wait_live()
            trade(kis, 1)
            notified = [await events.receive() for _ in range(2)][1]
            assert isinstance(notified, FillNotificationEvent)
            assert notified.fill.fill_id is not None
            trade(kis, *range(2, 12))
            await wait_all_tasks_blocked()
            assert events.state is StreamState.FAILED
            assert await take(fills, 11) == list(range(1, 12))
            with pytest.raises(KXTError):
                async for _ in events:
                    pass


@pytest.mark.parametrize("pause", [0, 0.001, 1])
async def test_a_cancelled_receive_has_taken_nothing(path, pause, autojump_clock):
    policy = StreamPolicy(buffer_size=5)
    async with FakeKIS() as kis, opened(kis, path, policy=policy) as fills:
        taken: list[int] = []

        async def receive() -> None:
            with trio.CancelScope() as scope:
                scopes.append(scope)
                taken.append(quantity_of(await fills.receive()))

        scopes: list[trio.CancelScope] = []
        expected = 0
        while len(taken) < 100:
            async with trio.open_nursery() as nursery:
                if expected < 100:
                    trade(kis, *range(expected + 1, expected + 11))
                    expected += 10
                nursery.start_soon(receive)
                for _ in range(len(scopes) % 9):
                    await trio.lowlevel.checkpoint()
                if pause:
                    await trio.sleep(pause)
                if len(scopes) % 3:
                    nursery.cancel_scope.cancel()
        assert taken == list(range(1, 101))


async def test_closed_while_somebody_waits(path, autojump_clock):
    async with FakeKIS() as kis, client_of(kis, path) as client, trio.open_nursery() as nursery:
        fills = client.stream_fill_updates()

        async def wait() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await fills.receive()

        nursery.start_soon(wait)
        await fills.wait_live()
        await wait_all_tasks_blocked()
        await fills.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await fills.receive()


async def test_leaving_the_client_ends_the_stream(path, autojump_clock):
    async with FakeKIS() as kis:
        async with client_of(kis, path, policy=StreamPolicy(buffer_size=100)) as client:
            fills = client.stream_fill_updates()
            asked_never = client.stream_fill_updates(consumer="asked never")
            await fills.wait_live()
            with trio.move_on_after(1):
                await fills.receive()
            trade(kis, *range(1, 201))
            await wait_all_tasks_blocked()
        for stream in (fills, asked_never):
            assert await take(stream, 100) == list(range(1, 101))  # what is in memory
            with pytest.raises(trio.EndOfChannel):
                await stream.receive()
        await fills.aclose()
        async with opened(kis, path) as fills:  # and nobody could note it
            assert await take(fills, 200) == list(range(1, 201))


# -- what is told of it ------------------------------------------------------------


async def test_statistics(path, autojump_clock):
    policy = StreamPolicy(buffer_size=5)
    async with FakeKIS() as kis:
        async with opened(kis, path, policy=policy) as fills:
            await fills.wait_verified()
            trade(kis, 1, 2, 3)
            await wait_all_tasks_blocked()
            await take(fills, 1)
            statistics = fills.statistics()
            assert statistics.received == 3
            assert statistics.delivered == 1
            assert statistics.buffered == 2
            assert statistics.recovered == 0
            kis.fill(kis.place("005930", quantity=4, price=100), notify=False)
            assert await take(fills, 3) == [2, 3, 4]
            assert fills.statistics().recovered == 1
        async with opened(kis, path, policy=policy) as fills:
            assert await take(fills, 1) == [4]
            statistics = fills.statistics()
            assert (statistics.received, statistics.delivered) == (1, 1)


# -- reading back ------------------------------------------------------------------


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each reading back gave."""
    made: list[int] = []
    read = JournalReader.read

    def watched(reader, after, limit):
        rows = read(reader, after, limit)
        made.append(len(rows))
        return rows

    monkeypatch.setattr(JournalReader, "read", watched)
    return made


async def test_who_keeps_up_never_reads_back(path, reads, autojump_clock):
    async with FakeKIS() as kis:
        for start in (1, 101):
            async with opened(kis, path) as fills:
                trade(kis, *range(start, start + 100))
                await wait_all_tasks_blocked()
                taken = await take(fills, 100)
                assert taken == list(range(start, start + 100))
                with trio.move_on_after(1):
                    await fills.receive()
        assert reads == []


async def test_who_catches_up_is_served_from_memory_again(path, reads, autojump_clock):
    policy = StreamPolicy(buffer_size=10)
    async with FakeKIS() as kis, opened(kis, path, policy=policy) as fills:
        trade(kis, *range(1, 41))
        await wait_all_tasks_blocked()
        assert await take(fills, 11) == list(range(1, 12))
        assert len(reads) == 1
        # What comes while 12 to 40 are read back is buffered.
        trade(kis, *range(41, 46))
        await wait_all_tasks_blocked()
        assert await take(fills, 34) == list(range(12, 46))
        for quantity in range(46, 100):
            trade(kis, quantity)
            assert await take(fills, 1) == [quantity]
        assert len(reads) == 1


async def test_a_closed_stream_delivers_nothing(path, autojump_clock):
    policy = StreamPolicy(buffer_size=5)
    async with FakeKIS() as kis, client_of(kis, path, policy=policy) as client:
        fills = client.stream_fill_updates()
        await fills.wait_live()
        trade(kis, *range(1, 21))
        await wait_all_tasks_blocked()
        assert await take(fills, 8) == list(range(1, 9))  # the rest is read back
        await fills.aclose()
        assert fills.statistics().buffered == 0
        for _ in range(2):
            with pytest.raises(trio.ClosedResourceError):
                await fills.receive()
            with pytest.raises(trio.ClosedResourceError):
                fills.receive_nowait()
        again = client.stream_fill_updates()
        assert await take(again, 13) == list(range(8, 21))
        await again.aclose()
