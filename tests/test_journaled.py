"""Fill streams with a journal: durable before visible, and where each consumer left off."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import sqlite3
from collections import defaultdict
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import (
    Environment,
    FillNotificationEvent,
    FillOrigin,
    KISClient,
    KXTConnectionError,
    KXTJournalError,
    KXTJournalInUseError,
    KXTSubscriptionError,
    KXTValidationError,
    Reconciliation,
    StreamPolicy,
    StreamState,
    open_fill_stream,
)
from kxt_trio.errors import KXTError
from kxt_trio.journaled import JournaledFillStream
from kxt_trio.reconcile.journal_check import export_jsonl, verify_journal
from kxt_trio.reconcile.journal_file import JournalFile
from kxt_trio.reconcile.journal_reader import JournalReader
from kxt_trio.testing import FakeKIS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fills.db"


def opened(kis: FakeKIS, path: Path, **changes):
    return open_fill_stream(
        **{**kis.credentials, "network": kis.network, "journal": path, **changes}
    )


def client_of(kis: FakeKIS, path: Path, **changes) -> KISClient:
    return KISClient(**{**kis.credentials, "network": kis.network, "journal": path, **changes})


def trade(kis: FakeKIS, *quantities: int) -> None:
    """One order for each quantity, filled at once."""
    for quantity in quantities:
        kis.fill(kis.place("005930", quantity=quantity, price=100 + quantity))


def quantity_of(fill) -> int:
    return int(fill.report.quantity)


async def take(fills, count: int) -> list[int]:
    taken = []
    with trio.fail_after(600):
        while len(taken) < count:
            taken.append(quantity_of(await fills.receive()))
    return taken


async def take_all(fills) -> list[int]:
    """Everything that is there within two minutes, in which all is verified."""
    taken = []
    with trio.move_on_after(120):
        async for fill in fills:
            taken.append(quantity_of(fill))
    return taken


def recorded(path: Path) -> dict[str, tuple[Decimal, Decimal]]:
    """What the journal says was filled, by order: quantity and amount."""
    report = verify_journal(path)
    assert report.problems == ()
    text = io.StringIO()
    export_jsonl(path, text)
    totals: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for line in text.getvalue().splitlines():
        row = json.loads(line)
        if row["quantity"]:
            totals[row["number"]][0] += row["quantity"]
            totals[row["number"]][1] += Decimal(row["amount"])
    return {number: (quantity, amount) for number, (quantity, amount) in totals.items()}


def cursors(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT consumer, row FROM cursor"))


class Disk:
    """Counts the writes, and refuses them when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[int] = []
        self.is_full = False
        write = JournalFile.write

        def watched(file, records, cursors):
            if self.is_full:
                raise KXTJournalError("journal: the disk is full")
            self.batches.append(len(records))
            return write(file, records, cursors)

        monkeypatch.setattr(JournalFile, "write", watched)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


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


class SlowDisk:
    """Every write takes a while."""

    async def run(self, function):
        with trio.CancelScope(shield=True):
            await trio.sleep(0.01)
        return function()

    def leave(self, function) -> None:
        function()


async def test_a_burst_is_committed_together(path, disk, autojump_clock):
    async with FakeKIS() as kis:
        network = attrs.evolve(kis.network, offload=SlowDisk)
        async with opened(kis, path, network=network) as fills:
            await fills.wait_verified()
            disk.batches.clear()
            trade(kis, *range(1, 301))
            assert await take(fills, 300) == list(range(1, 301))
            assert len(disk.batches) < 20


# -- restarts ----------------------------------------------------------------------


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


# -- consumers ---------------------------------------------------------------------


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


# -- refusals ----------------------------------------------------------------------


async def test_a_second_client_is_refused_at_the_line_that_opens_it(path, autojump_clock):
    async with FakeKIS() as kis, opened(kis, path) as fills:
        for second in (opened(kis, path), client_of(kis, path)):
            with pytest.raises(KXTJournalInUseError, match=r"fills\.db is being written"):
                async with second:
                    pytest.fail("it must not get here")
        trade(kis, 1)
        assert await take(fills, 1) == [1]


@pytest.mark.parametrize(
    "changes",
    [
        {"account_no": None, "account_product_code": None},
        {"reconcile": Reconciliation(enabled=False)},
    ],
)
async def test_a_journal_needs_something_to_count(path, changes):
    async with FakeKIS() as kis:
        with pytest.raises(KXTValidationError, match="a journal needs an account_no"):
            client_of(kis, path, **changes)
        assert not path.exists()


async def test_what_is_no_journal_is_refused_at_the_line_that_opens_it(path, autojump_clock):
    path.write_bytes(b"these are my notes\n" * 100)
    async with FakeKIS() as kis:
        with pytest.raises(KXTJournalError, match=r"fills\.db"):
            async with opened(kis, path):
                pytest.fail("it must not get here")
        assert kis.connects == []


async def test_an_altered_journal_is_refused_at_the_line_that_opens_it(path, autojump_clock):
    async with FakeKIS() as kis:
        async with opened(kis, path) as fills:
            trade(kis, 1)
            await take(fills, 1)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("DROP TRIGGER rec_refuses_update")
            connection.execute("UPDATE rec SET quantity = 2 WHERE kind = 'deliver'")
        with pytest.raises(KXTJournalError, match=r"row \d+ was altered"):
            async with opened(kis, path):
                pytest.fail("it must not get here")
        assert len(kis.connects) == 1


async def test_a_wrong_hts_id_is_still_told_as_that(path, autojump_clock):
    async with FakeKIS() as kis:
        with pytest.raises(KXTSubscriptionError):
            async with opened(kis, path, hts_id="somebody"):
                pytest.fail("it must not get here")


async def test_a_failed_link_does_not_hide_the_backlog(path, autojump_clock):
    async with FakeKIS() as kis:
        async with opened(kis, path):
            trade(kis, 1, 2)
            await wait_all_tasks_blocked()
        kis.refuse_connections(times=1_000)
        async with client_of(kis, path) as client:
            fills = client.stream_fill_updates()
            await trio.sleep(60)
            assert fills.state is StreamState.FAILED
            assert await take(fills, 2) == [1, 2]
            with pytest.raises(KXTConnectionError):
                await fills.receive()


# -- what is in it, what is told ---------------------------------------------------


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


# -- polled ------------------------------------------------------------------------


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


# -- whose journal, and for whom ---------------------------------------------------


@pytest.mark.parametrize(
    "changes", [{"account_no": "87654321"}, {"environment": Environment.PAPER}]
)
async def test_a_journal_of_another_account_is_refused(path, changes, autojump_clock):
    async with FakeKIS() as kis, opened(kis, path):
        pass
    async with FakeKIS(**changes) as kis:
        with pytest.raises(KXTJournalError, match="give each its own"):
            async with opened(kis, path):
                pytest.fail("it must not get here")


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
