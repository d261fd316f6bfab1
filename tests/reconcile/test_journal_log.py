"""The journal's log: long enough from the start, and put away when nothing comes."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing

import pytest
import trio

from kxt_trio import KXTJournalError
from kxt_trio.offload import Inline
from kxt_trio.reconcile.journal import open_journal
from kxt_trio.reconcile.journal_file import JournalFile

from .journal_entries import fill


async def test_the_log_has_its_length_before_the_first_fill(path):
    log = path.with_name("fills.db-wal")
    async with open_journal(path) as journal:
        length = log.stat().st_size
        assert 32 + 4_120 * 8_300 < length < 36_000_000
        for number in range(0, 6_000, 3):
            await journal.append([fill(number), fill(number + 1), fill(number + 2)])
        assert log.stat().st_size == length
        with closing(sqlite3.connect(path)) as other:
            tables = other.execute("SELECT name FROM sqlite_master").fetchall()
        assert ("rec",) in tables
        assert ("padding",) not in tables
    assert path.stat().st_size < 10_000_000
    async with open_journal(path) as journal:
        assert journal.last_row == 6_000


async def test_it_is_put_away_in_a_pause_and_not_while_records_come(path, autojump_clock):
    async with open_journal(path, offload=Inline) as journal, trio.open_nursery() as nursery:
        nursery.start_soon(journal.keep_log_short)
        before = path.stat().st_size
        for number in range(200):
            await journal.append([fill(number)])
            await trio.sleep(0.9)
        assert path.stat().st_size == before
        await trio.sleep(0.2)
        after = path.stat().st_size
        assert after > before + 100_000
        await journal.append([fill(200, 1_000)])
        await trio.sleep(0.9)
        assert len(await journal.read(after=200)) == 1
        nursery.cancel_scope.cancel()
    async with open_journal(path, offload=Inline) as journal:
        assert journal.last_row == 201


async def test_where_it_cannot_be_put_away_records_are_written_all_the_same(
    path, autojump_clock, monkeypatch, caplog
):
    def refuse(self: JournalFile) -> None:
        raise KXTJournalError("the disk is full")

    monkeypatch.setattr(JournalFile, "empty_log", refuse)
    async with open_journal(path, offload=Inline) as journal, trio.open_nursery() as nursery:
        nursery.start_soon(journal.keep_log_short)
        with caplog.at_level(logging.INFO, "kxt_trio"):
            await journal.append([fill(0)])
            await trio.sleep(5)
        assert [record.getMessage() for record in caplog.records] == [
            "the journal's log stays as it is: the disk is full"
        ]
        assert await journal.append([fill(1)]) == (2,)
        nursery.cancel_scope.cancel()


async def test_a_closed_file_has_no_log(path):
    file = JournalFile(path)
    file.close()
    with pytest.raises(KXTJournalError, match="is closed"):
        file.empty_log()
