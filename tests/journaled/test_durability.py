"""Durable before visible, also where the disk is slow, full or hung."""

from __future__ import annotations

import threading
from contextlib import closing

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import KXTJournalError, StreamPolicy, StreamState
from kxt_trio.offload import Inline, InThread
from kxt_trio.reconcile.journal_file import JournalFile
from kxt_trio.testing import FakeKIS

from .trading import client_of, opened, recorded, take, trade

# -- durable before visible --------------------------------------------------------


async def test_what_is_received_is_on_disk(path, autojump_clock):
    async with FakeKIS() as kis, opened(kis, path) as fills:
        for quantity in (3, 4):
            trade(kis, quantity)
            assert await take(fills, 1) == [quantity]
            assert recorded(path) == kis.totals()


async def test_what_cannot_be_recorded_is_not_delivered(path, disk, autojump_clock):
    async with FakeKIS() as kis:
        with pytest.raises(KXTJournalError, match="disk is full"):
            async with opened(kis, path) as fills:
                trade(kis, 1, 2)
                await wait_all_tasks_blocked()
                before = recorded(path)
                disk.is_full = True
                trade(kis, 3)
                await wait_all_tasks_blocked()
                assert fills.state is StreamState.FAILED
                assert await take(fills, 2) == [1, 2]
                await fills.receive()
        assert recorded(path) == before


async def test_all_that_is_committed_comes_before_the_failure(path, disk, autojump_clock):
    """Also what the buffer could not hold, and with nobody to be told of progress."""
    count = 500
    policy = StreamPolicy(buffer_size=20)
    async with FakeKIS() as kis, client_of(kis, path, policy=policy) as client:
        fills = client.stream_fill_updates()
        await fills.wait_live()
        with pytest.raises(trio.TooSlowError), trio.fail_after(60):
            await fills.receive()
        trade(kis, *range(1, count + 1))
        await wait_all_tasks_blocked()
        disk.is_full = True
        trade(kis, 1)
        await wait_all_tasks_blocked()
        assert await take(fills, count) == list(range(1, count + 1))
        for _ in range(2):
            with pytest.raises(KXTJournalError, match="disk is full"):
                await fills.receive()
        with pytest.raises(KXTJournalError, match="disk is full"):
            fills.receive_nowait()
        await fills.aclose()


async def test_after_a_failed_write_later_streams_fail_at_once(path, disk, autojump_clock):
    async with FakeKIS() as kis, client_of(kis, path) as client:
        fills = client.stream_fill_updates()
        await fills.wait_live()
        disk.is_full = True
        trade(kis, 1)
        with pytest.raises(KXTJournalError):
            await fills.receive()
        at = trio.current_time()
        for later in (
            client.stream_fill_updates(consumer="other"),
            client.stream_order_events(),
        ):
            assert later.state is StreamState.FAILED
            for action in (later.wait_live, later.receive):
                with pytest.raises(KXTJournalError, match="disk is full"):
                    await action()
            await later.aclose()
        assert trio.current_time() == at


async def test_a_stream_made_before_the_failure_and_read_after_it(path, disk, autojump_clock):
    async with FakeKIS() as kis, client_of(kis, path) as client:
        fills = client.stream_fill_updates()
        events = client.stream_order_events()
        await events.wait_live()
        disk.is_full = True
        trade(kis, 1)
        await wait_all_tasks_blocked()
        with pytest.raises(KXTJournalError):
            await fills.receive()
        assert (await events.receive()).quantity == 1  # accepted; that is not recorded
        with pytest.raises(KXTJournalError):
            await events.receive()
        with pytest.raises(KXTJournalError):
            await fills.aclose()
            await client.stream_fill_updates().receive()


class SlowDisk(Inline):
    """Every write takes a while."""

    async def run(self, function):
        with trio.CancelScope(shield=True):
            await trio.sleep(0.01)
        return function()


async def test_a_burst_is_committed_together(path, disk, autojump_clock):
    async with FakeKIS() as kis:
        network = attrs.evolve(kis.network, offload=SlowDisk)
        async with opened(kis, path, network=network) as fills:
            await fills.wait_verified()
            disk.batches.clear()
            trade(kis, *range(1, 301))
            assert await take(fills, 300) == list(range(1, 301))
            assert len(disk.batches) < 20


# -- what is in it -----------------------------------------------------------------


async def test_nothing_private_is_in_the_files(path, autojump_clock):
    async with FakeKIS(hts_id="meinhtsid", account_no="98765432") as kis:
        async with opened(kis, path) as fills:
            trade(kis, 1, 2)
            kis.cancel(kis.place("005930", quantity=9, price=100))
            kis.drop()
            trade(kis, 3)
            await take(fills, 3)
            await trio.sleep(60)
            files = list(path.parent.iterdir())
            contents = [file.read_bytes() for file in files]
        contents += [file.read_bytes() for file in path.parent.iterdir()]
        assert len(files) == 4  # the journal, -wal, -shm and .lock
        private = [kis.credentials[name] for name in ("app_key", "app_secret", "hts_id")]
        private += [kis.credentials.account_no, "홍길동"]
        private += [request["header"]["approval_key"] for request in kis.requests]
        for content in contents:
            assert [text for text in private if text.encode() in content] == []
        assert any(b"005930" in content for content in contents)


# -- a disk that hangs or fails while the block is left ----------------------------


class Hanging:
    """Hangs in virtual time once told to."""

    def __init__(self) -> None:
        self.hangs = False

    async def run(self, function):
        await trio.lowlevel.checkpoint()
        if self.hangs:
            with trio.fail_after(10):
                await trio.sleep_forever()
        return function()

    def leave(self, function) -> None:
        function()

    def end(self) -> None:
        """Nothing is kept ready."""


@pytest.mark.parametrize("busy", [False, True])
async def test_a_hung_disk_does_not_hold_up_the_end(path, busy, autojump_clock):
    policy = StreamPolicy(shutdown_grace=2)
    disk = Hanging()
    async with FakeKIS() as kis:
        network = attrs.evolve(kis.network, offload=lambda: disk)
        async with opened(kis, path, network=network, policy=policy) as fills:
            trade(kis, 1)
            await take(fills, 1)
            disk.hangs = True
            if busy:
                trade(kis, 2)
            with trio.move_on_after(0.5):
                await fills.receive()
            left_at = trio.current_time()
        assert trio.current_time() - left_at <= 2.001
        async with opened(kis, path) as fills:
            await fills.wait_verified()


async def test_reading_back_from_a_hung_disk_can_be_cancelled(path, autojump_clock):
    policy = StreamPolicy(buffer_size=2, shutdown_grace=1)
    disk = Hanging()
    async with FakeKIS() as kis:
        network = attrs.evolve(kis.network, offload=lambda: disk)
        async with opened(kis, path, network=network, policy=policy) as fills:
            trade(kis, 1, 2, 3, 4)
            await wait_all_tasks_blocked()
            assert await take(fills, 2) == [1, 2]
            disk.hangs = True
            at = trio.current_time()
            with trio.move_on_after(0.5) as scope:
                await fills.receive()
            assert scope.cancelled_caught
            assert trio.current_time() == at + 0.5
            disk.hangs = False
            assert await take(fills, 2) == [3, 4]


class FailsLate(Hanging):
    """Fails a while after it was asked, once told to."""

    async def run(self, function):
        if self.hangs:
            await trio.sleep(0.5)
            raise KXTJournalError("journal: the disk is full")
        return await super().run(function)


async def test_a_write_that_fails_at_the_end_keeps_the_users_exception(path, autojump_clock):
    disk = FailsLate()
    trouble = RuntimeError("the strategy has a bug")
    async with FakeKIS() as kis:
        network = attrs.evolve(kis.network, offload=lambda: disk)
        with pytest.raises(RuntimeError) as caught:
            async with opened(kis, path, network=network) as fills:
                await fills.wait_verified()
                disk.hangs = True
                trade(kis, 3)
                await trio.sleep(0.1)
                raise trouble
        assert caught.value is trouble


async def test_a_broker_that_does_not_answer_leaves_the_journal_time_to_close(path):
    """By the real clock, since the thread that closes has none other."""
    before = set(threading.enumerate())
    async with FakeKIS() as kis:
        network = attrs.evolve(kis.network, offload=InThread)
        settings = {"network": network, "policy": StreamPolicy(shutdown_grace=2)}
        async with opened(kis, path, **settings) as fills:
            trade(kis, 3, 4)
            assert await take(fills, 2) == [3, 4]
            with pytest.raises(trio.WouldBlock):
                fills.receive_nowait()  # acknowledges the second
            kis.ignore_goodbye()
            left_at = trio.current_time()
        assert trio.current_time() - left_at < 2 + 1
        with closing(JournalFile(path)) as file:  # nobody holds it
            assert file.cursors() == {"default": file.last_row}
        with trio.fail_after(5):
            while any(one.name == "kxt_trio disk" for one in {*threading.enumerate()} - before):
                await trio.sleep(0.01)
