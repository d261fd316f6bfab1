"""A journal in use: one writer, whose disk may hang and whose task may be cancelled."""

from __future__ import annotations

import threading

import pytest
import trio

from kxt_trio import KXTJournalError, KXTJournalInUseError
from kxt_trio.offload import Inline, InThread
from kxt_trio.reconcile import journal_file
from kxt_trio.reconcile.journal import open_journal

from .journal_entries import ACCOUNT_ID, APP_KEY, fill, whole


async def test_a_second_writer_is_refused_and_the_first_goes_on(path):
    async with open_journal(path) as journal:
        with pytest.raises(KXTJournalInUseError, match=r"fills\.db is being written"):
            async with open_journal(path):
                pytest.fail("entered")
        await journal.append([fill(0)])
    async with open_journal(path) as journal:
        assert journal.last_row == 1


async def test_cancelled_before_it_began_records_nothing(path):
    async with open_journal(path) as journal:
        with trio.CancelScope() as scope:
            scope.cancel()
            await journal.append([fill(0)])
        assert scope.cancelled_caught
        assert await journal.load(whole) == []


class Gate(InThread):
    """Lets a test hold the disk up."""

    def __init__(self, **given) -> None:
        super().__init__(**given)
        self.open = threading.Event()
        self.open.set()

    async def run(self, function):
        def wait_and_run():
            self.open.wait(10)
            return function()

        return await super().run(wait_and_run)


async def test_cancelled_in_the_middle_it_is_recorded_and_says_so(path):
    gate = Gate()
    async with open_journal(path, offload=lambda: gate) as journal:
        gate.open.clear()
        rows = []

        async def append(number: int) -> None:
            rows.append(await journal.append([fill(number)]))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(append, 0)
            await trio.sleep(0.05)
            nursery.start_soon(append, 1)
            await trio.sleep(0.05)
            nursery.cancel_scope.cancel()
            gate.open.set()
        assert rows == [(1,), (2,)]
        assert len(await journal.load(whole)) == 2


async def test_a_disk_that_hangs_is_given_up(path):
    gate = Gate(bound=0.2)
    async with open_journal(path, offload=lambda: gate) as journal:
        await journal.append([fill(0)])
        gate.open.clear()
        with pytest.raises(KXTJournalError, match="does not answer"):
            await journal.append([fill(1)])
        gate.open.set()
        with pytest.raises(KXTJournalError, match="until the journal is opened again"):
            await journal.append([fill(2)])
    await trio.sleep(0.2)
    async with open_journal(path) as journal:
        assert journal.last_row in (1, 2), "whether it was committed shows afterwards"


async def test_a_closed_journal(path):
    async with open_journal(path) as journal:
        pass
    await journal.aclose()
    for call in (
        lambda: journal.append([fill(0)]),
        lambda: journal.enrol(ACCOUNT_ID, "real", APP_KEY),
        lambda: journal.read(after=0),
        lambda: journal.load(whole),
    ):
        with pytest.raises(trio.ClosedResourceError):
            await call()
    with pytest.raises(trio.ClosedResourceError):
        journal.acknowledge("a", 0)


async def test_it_is_closed_when_the_block_is_cancelled(path):
    with trio.CancelScope() as scope:
        async with open_journal(path) as journal:
            await journal.append([fill(0)])
            scope.cancel()
            await trio.sleep_forever()
    async with open_journal(path) as journal:
        assert journal.last_row == 1


async def test_in_virtual_time(path, autojump_clock):
    async with open_journal(path, offload=Inline) as journal:
        with trio.fail_after(1):
            await journal.append([fill(0)])
            journal.acknowledge("a", 1)
            await trio.sleep(0.5)
            assert len(await journal.load(whole)) == 1


@pytest.fixture
def may_open(monkeypatch) -> threading.Event:
    """Set to let a journal that is being opened come to be open."""
    allowed = threading.Event()
    prepare = journal_file._prepare

    def slowly(connection, path):
        allowed.wait(10)
        prepare(connection, path)

    monkeypatch.setattr(journal_file, "_prepare", slowly)
    return allowed


async def test_who_opens_it_again_after_a_slow_disk_is_not_locked_out(path, may_open):
    with pytest.raises(KXTJournalError, match="does not answer"):
        async with open_journal(path, offload=lambda: InThread(bound=0.1)):
            pytest.fail("entered")
    with pytest.raises(KXTJournalInUseError):
        async with open_journal(path):
            pytest.fail("entered")
    may_open.set()
    await trio.sleep(0.2)
    async with open_journal(path) as journal:
        assert journal.last_row == 0


async def test_a_cancelled_opening_is_undone(path, may_open):
    with trio.move_on_after(0.1) as scope:
        async with open_journal(path):
            pytest.fail("entered")
    assert scope.cancelled_caught
    may_open.set()
    await trio.sleep(0.2)
    async with open_journal(path):
        pass


async def test_a_journal_whose_disk_hung_is_closed_when_it_answers(path):
    gate = Gate(bound=0.2)
    async with open_journal(path, offload=lambda: gate) as journal:
        await journal.append([fill(0)])
        journal.acknowledge("a", 1)
        gate.open.clear()
        with pytest.raises(KXTJournalError, match="does not answer"):
            await journal.append([fill(1)])
    with pytest.raises(KXTJournalInUseError):
        async with open_journal(path):
            pytest.fail("entered")
    gate.open.set()
    await trio.sleep(0.3)
    async with open_journal(path) as journal:
        assert journal.last_row == 2
        assert journal.cursor("a") == 1


async def test_leaving_waits_for_the_disk_no_longer_than_it_may(path):
    gate = Gate()
    began_at = trio.current_time()
    async with (
        open_journal(path, offload=lambda: gate) as journal,
        trio.open_nursery() as nursery,
    ):
        await journal.append([fill(0)])
        gate.open.clear()

        async def append() -> None:
            with pytest.raises(KXTJournalError, match="does not answer"):
                await journal.append([fill(1)])

        nursery.start_soon(append)
        await trio.sleep(0.05)
        nursery.cancel_scope.cancel()
        journal.give_up_at(trio.current_time() + 0.2)
    assert trio.current_time() - began_at < 2
    gate.open.set()


async def test_by_another_name_it_is_the_same_journal(path):
    link = path.with_name("link.db")
    link.symlink_to(path)
    async with open_journal(path):
        with pytest.raises(KXTJournalInUseError):
            async with open_journal(link):
                pytest.fail("entered")
    async with open_journal(link) as journal:
        await journal.append([fill(0)])
    async with open_journal(path) as journal:
        assert journal.last_row == 1


async def test_a_reader_does_not_wait_for_the_writer(path):
    gate = Gate()
    offloads = iter([gate, InThread()])
    async with open_journal(path, offload=lambda: next(offloads)) as journal:
        await journal.append([fill(0)])
        gate.open.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.append, [fill(1)])
            await trio.sleep(0.01)
            assert len(await journal.read(after=0)) == 1
            assert len(journal.read_nowait(after=0, limit=9)) == 1
            gate.open.set()
        assert len(await journal.read(after=0)) == 2
    assert [file.name for file in sorted(path.parent.iterdir())] == [
        "fills.db",
        "fills.db.lock",
    ]


async def test_an_acknowledgement_whose_write_was_cancelled_is_written_at_the_end(path):
    async with open_journal(path, offload=Inline) as journal:
        [row] = await journal.append([fill(0)])
        journal.acknowledge("desk", row)
        with trio.CancelScope() as scope:
            scope.cancel()
            await journal.save_cursors()
    async with open_journal(path, offload=Inline) as journal:
        assert journal.cursor("desk") == row


async def test_acknowledgements_cost_no_write_while_records_come(
    path, autojump_clock, monkeypatch
):
    written: list[tuple[int, int, float]] = []
    write = journal_file.JournalFile.write

    def note(self, records, cursors):
        written.append((len(records), len(cursors), trio.current_time()))
        return write(self, records, cursors)

    monkeypatch.setattr(journal_file.JournalFile, "write", note)
    async with open_journal(path, offload=Inline) as journal, trio.open_nursery() as nursery:
        nursery.start_soon(journal.keep_cursors)
        for number in range(50):
            [row] = await journal.append([fill(number)])
            await trio.sleep(0.005)
            journal.acknowledge("desk", row)
            await trio.sleep(0.02)
        assert [(records, cursors) for records, cursors, _ in written] == [
            (1, 0),
            *[(1, 1)] * 49,
        ]
        acknowledged_at = trio.current_time() - 0.02
        await trio.sleep(1)
        [last] = written[50:]
        assert last == (0, 1, pytest.approx(acknowledged_at + 0.05))
        nursery.cancel_scope.cancel()
