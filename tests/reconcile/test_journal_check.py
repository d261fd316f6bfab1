"""A disk that fails, a file that is damaged, and how one finds out."""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from kxt_trio import KXTJournalError
from kxt_trio.offload import Inline
from kxt_trio.reconcile.journal import open_journal
from kxt_trio.reconcile.journal_check import export_csv, export_jsonl, verify_journal
from kxt_trio.reconcile.journal_file import JournalFile
from kxt_trio.reconcile.journal_records import JournalRecord

from .journal_entries import ACCOUNT_ID, APP_KEY, DAY, TAG, fill


def write(path: Path, *records: JournalRecord, enrol: bool = False) -> None:
    async def main() -> None:
        async with open_journal(path, offload=Inline) as journal:
            if enrol:
                await journal.enrol(ACCOUNT_ID, "real", APP_KEY)
            await journal.append(records)

    trio.run(main)


def tamper(path: Path, *statements: str) -> None:
    """What SQLite's own tools let the owner of the file do."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


UNGUARDED = ("DROP TRIGGER rec_refuses_update", "DROP TRIGGER rec_refuses_delete")


# Full, read-only, foreign


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def fill_up(journal) -> tuple[int, KXTJournalError]:
    number = journal.last_row
    while True:
        try:
            await journal.append([fill(number)])
        except KXTJournalError as exc:
            return number, exc
        number += 1


async def test_a_full_disk_loses_nothing_that_was_recorded(path):
    async with open_journal(path, offload=Inline) as journal:
        journal._file._connection.execute("PRAGMA max_page_count = 40")
        recorded, error = await fill_up(journal)
        assert recorded > 10
        assert "the disk is full" in str(error)
        assert len(await journal.load(str)) == recorded
        with pytest.raises(KXTJournalError, match="until the journal is opened again"):
            await journal.append([fill(recorded)])
    assert verify_journal(path).records == recorded
    async with open_journal(path, offload=Inline) as journal:
        assert await journal.append([fill(recorded)]) == (recorded + 1,)
    assert verify_journal(path).sound


async def test_a_disk_that_refuses_loses_nothing_that_was_recorded(path):
    async with open_journal(path, offload=Inline) as journal:
        with no_file_above(200_000):
            recorded, error = await fill_up(journal)
        assert recorded > 10
        assert "disk" in str(error)
    report = verify_journal(path)
    assert (report.records, report.problems) == (recorded, ())
    async with open_journal(path, offload=Inline) as journal:
        assert await journal.append([fill(recorded)]) == (recorded + 1,)


def test_a_file_that_may_only_be_read(path):
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:
        read_only = Path(folder)
        write(path, fill(0))
        copied = Path(shutil.copy(path, read_only))
        copied.chmod(0o444)
        read_only.chmod(0o555)
        if user == 0:  # may write everything
            os.seteuid(65534)
        try:
            with pytest.raises(KXTJournalError, match="Permission denied"):
                write(copied, fill(1))
        finally:
            os.seteuid(user)
            read_only.chmod(0o755)


@pytest.mark.parametrize("where", [".", "no/such/folder/fills.db"])
async def test_a_place_where_no_file_can_be(tmp_path, where):
    with pytest.raises(KXTJournalError, match="journal"):
        async with open_journal(tmp_path / where):
            pytest.fail("entered")


def test_what_is_no_journal_is_left_alone(path, tmp_path):
    other = tmp_path / "other.db"
    tamper(other, "CREATE TABLE mine (a)")
    path.write_bytes(b"dear diary, " * 1000)
    for file, words in ((other, "not a journal"), (path, "not a journal")):
        before = file.read_bytes()
        with pytest.raises(KXTJournalError, match=words):
            write(file, fill(0))
        with pytest.raises(KXTJournalError, match=words):
            verify_journal(file)
        assert len(file.read_bytes()) == len(before)
    with pytest.raises(KXTJournalError, match="cannot be opened"):
        verify_journal(tmp_path / "absent.db")
    assert not (tmp_path / "absent.db").exists()


def test_a_journal_of_a_later_version(path):
    write(path, fill(0))
    tamper(path, "PRAGMA user_version = 2")
    with pytest.raises(KXTJournalError, match="version 2"):
        write(path, fill(1))


# Damaged


def test_a_sound_journal(path):
    write(path, fill(0, 3), fill(3, 2), fill(0, 7, number="0000000124"), enrol=True)
    report = verify_journal(path)
    assert report.sound
    assert (report.records, report.orders, report.problems) == (3, 2, ())


@pytest.mark.parametrize(
    ("statements", "problem"),
    [
        (UNGUARDED, "schema: missing or altered: CREATE TRIGGER rec_refuses_update"),
        (("CREATE TABLE mine (a)",), "schema: not ours: CREATE TABLE mine"),
        ((*UNGUARDED, "UPDATE rec SET amount = 1 WHERE row = 2"), "row 2 was altered"),
        ((*UNGUARDED, "UPDATE rec SET event = '' WHERE row = 2"), "row 2 was altered"),
        ((*UNGUARDED, "DELETE FROM rec WHERE row = 2"), "row 3 was altered, or a row before"),
        ((*UNGUARDED, "DELETE FROM rec WHERE row = 1"), "row 2 was altered, or a row before"),
        (("INSERT INTO cursor VALUES ('a', 9)",), "cursor of 'a' is at row 9, the last is 3"),
    ],
)
def test_what_somebody_did_to_it_is_found(path, statements, problem):
    write(path, fill(0, 3), fill(3, 2), fill(5, 1))
    tamper(path, *statements)
    report = verify_journal(path)
    assert not report.sound
    assert any(problem in found for found in report.problems), report.problems


def test_what_was_counted_must_join_end_to_start(path):
    correction = {"kind": "correct", "origin": None, "revision": 1, "event": None}
    write(
        path,
        JournalRecord(
            kind="balance",
            trade_date=DAY,
            environment="real",
            account=TAG,
            number="0000000123",
            quantity=5,
            amount=5,
        ),
        fill(5, 3),
        fill(8, -2, fill_id="c", **correction),
        fill(6, 1),
        JournalRecord(kind="verified", trade_date=DAY),
    )
    assert verify_journal(path).problems == ()
    write(path, fill(9, 1), fill(10, 2), fill(11, 1))
    assert verify_journal(path).problems == (
        "row 6: order 0000000123 of 2026-11-20 goes from 9 to 10, not from 7 to 8",
        "row 8: order 0000000123 of 2026-11-20 goes from 11 to 12, not from 12 to 13",
    )


@given(st.data())
@settings(max_examples=150)
def test_no_damaged_byte_passes_unseen(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("journal") / "fills.db"
    shutil.copy(whole_journal(tmp_path_factory), path)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1), label="at")
    content[at] ^= data.draw(st.integers(1, 255), label="flip")
    path.write_bytes(content)

    async def main() -> list[tuple]:
        async with open_journal(path, offload=Inline) as journal:
            return [record.to_values() for record in await journal.read(after=0)]

    try:
        found = trio.run(main)
    except KXTJournalError:
        return
    expected = [record.to_values() for record in RECORDS]
    assert found == expected or not verify_journal(path).sound


RECORDS = [fill(number) for number in range(30)]
_whole: list[Path] = []


def whole_journal(tmp_path_factory) -> Path:
    if not _whole:
        _whole.append(tmp_path_factory.mktemp("whole") / "fills.db")
        write(_whole[0], *RECORDS)
    return _whole[0]


# What is in it


def test_csv(path):
    write(path, fill(0, 3), fill(3, 2), JournalRecord(kind="verified", trade_date=DAY))
    out = io.StringIO()
    assert export_csv(path, out) == 3
    first, second, third = csv.DictReader(io.StringIO(out.getvalue()))
    assert (first["row"], first["start"], first["end"], first["amount"]) == (
        "1",
        "0",
        "3",
        "209850",
    )
    assert (second["symbol"], second["side"], second["origin"]) == ("005930", "buy", "live")
    assert (third["kind"], third["fill_id"]) == ("verified", "")
    assert ACCOUNT_ID not in out.getvalue()


def test_json_lines(path):
    write(path, fill(0, 3), JournalRecord(kind="verified", trade_date=DAY))
    out = io.StringIO()
    assert export_jsonl(path, out) == 2
    first, second = map(json.loads, out.getvalue().splitlines())
    assert first["event"]["report"]["order_ref"]["account_id"] == first["account"]
    assert first["event"]["instrument"]["name"] == "삼성전자"
    assert first["detail"] == {"provisional": False, "fence": None}
    assert second["event"] is None
    assert ACCOUNT_ID not in out.getvalue()


async def test_it_can_be_looked_at_while_it_is_written(path):
    async with open_journal(path, offload=Inline) as journal:
        for number in range(3):
            await journal.append([fill(number)])
            assert verify_journal(path) == verify_journal(path)
            assert verify_journal(path).records == number + 1
            assert export_csv(path, io.StringIO()) == number + 1


def test_the_ledgers_records_survive_the_journal(path):
    records = pytest.importorskip("kxt_trio.reconcile.records")
    from kxt_trio.models import FillOrigin
    from kxt_trio.reconcile.facts import OrderKey
    from kxt_trio.reconcile.findings import Balance, Correct, Deliver, Verified

    order = OrderKey("real", TAG, DAY, "123")
    written = [
        Balance(order=order, quantity=2, amount=200, fence=7),
        Deliver(
            order=order,
            origin=FillOrigin.RECOVERED,
            quantity=3,
            amount=300,
            start=2,
            end=5,
            earliest=1,
            latest=2,
            received_wall=3,
            fence=2,
        ),
        Correct(
            order=order,
            quantity=-1,
            amount=-100,
            start=5,
            end=4,
            revision=1,
            fence=9,
            received_wall=4,
        ),
        Verified(trade_date=DAY, as_of=5.0),
    ]
    write(path, *(JournalRecord.from_plain(records.to_plain(record)) for record in written))

    async def main() -> list:
        async with open_journal(path, offload=Inline) as journal:
            return await journal.load(lambda found: records.from_plain(found.to_plain()))

    assert trio.run(main) == written
    assert verify_journal(path).sound


def test_what_is_no_journal_is_exported_as_nothing(tmp_path):
    path = tmp_path / "notes"
    path.write_bytes(b"these are my notes\n" * 100)
    out = io.StringIO()
    with pytest.raises(KXTJournalError):
        export_csv(path, out)
    assert out.getvalue() == ""


def test_a_folder_is_called_one(tmp_path):
    for look in (verify_journal, partial(export_csv, out=io.StringIO()), JournalFile):
        with pytest.raises(KXTJournalError, match="it is a folder"):
            look(tmp_path)
