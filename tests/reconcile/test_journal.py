"""What is recorded in a journal, and what of it comes back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from kxt_trio import KXTJournalError, KXTValidationError
from kxt_trio.offload import Inline, InThread
from kxt_trio.reconcile import journal_file, journal_reader
from kxt_trio.reconcile.account_tags import account_tag
from kxt_trio.reconcile.journal import open_journal
from kxt_trio.reconcile.journal_records import JournalRecord

from .journal_entries import ACCOUNT_ID, APP_KEY, DAY, TAG, fill, whole


def sql(path: Path, statement: str) -> list:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


def bare(record: JournalRecord) -> JournalRecord:
    return attrs.evolve(record, event=None, row=0)


async def test_what_is_recorded_is_there_after_a_restart(path):
    records = [fill(0, 3), fill(3, 2), fill(0, 1, number="0000000124")]
    async with open_journal(path) as journal:
        assert journal.last_row == 0
        assert await journal.append(records[:2]) == (1, 2)
        assert await journal.append(records[2:]) == (3,)
        assert await journal.append([]) == ()
    async with open_journal(path) as journal:
        assert journal.last_row == 3
        loaded = await journal.load(whole)
        assert [bare(record) for record in loaded] == [bare(record) for record in records]
        assert [record.row for record in loaded] == [1, 2, 3]
        assert {record.event for record in loaded} == {None}
        assert await journal.append([fill(5, 1)]) == (4,)


async def test_events_come_back_whole_with_the_account_in_its_place(path):
    async with open_journal(path) as journal:
        tag = await journal.enrol(ACCOUNT_ID, "real", APP_KEY)
        await journal.append([fill(0, 3, tag=tag)])
    async with open_journal(path) as journal:
        await journal.enrol(ACCOUNT_ID, "real", APP_KEY)
        (record,) = await journal.read(after=0)
        assert record.event == fill(0, 3).event
        for name in ("account", "side", "raw", "origin"):
            assert getattr(record.event, name) == getattr(fill(0, 3).event, name)
        assert record.event.report.order_ref.account_id == ACCOUNT_ID
    async with open_journal(path) as journal:  # somebody who does not know the account
        (record,) = await journal.read(after=0)
        assert record.event.report.order_ref.account_id == tag


async def test_neither_account_nor_key_is_in_any_of_the_files(path):
    async with open_journal(path) as journal:
        tag = await journal.enrol(ACCOUNT_ID, "real", APP_KEY)
        await journal.append([fill(0, 3, tag=tag)])
        for file in path.parent.iterdir():
            content = file.read_bytes()
            assert ACCOUNT_ID.encode() not in content
            assert APP_KEY.encode() not in content
            assert file.stat().st_mode & 0o077 == 0
        assert len(list(path.parent.iterdir())) == 4


async def test_an_account_keeps_its_tag_when_the_app_key_changes(path):
    async with open_journal(path) as journal:
        tag = await journal.enrol(ACCOUNT_ID, "real", APP_KEY)
        assert tag == account_tag(ACCOUNT_ID, APP_KEY)
    async with open_journal(path) as journal:
        assert account_tag(ACCOUNT_ID, "renewed") != tag
        assert await journal.enrol(ACCOUNT_ID, "real", "renewed") == tag


async def test_a_record_with_an_event_needs_the_tag(path):
    async with open_journal(path) as journal:
        with pytest.raises(KXTValidationError, match="tag"):
            await journal.append([fill(0, account=None)])
        assert await journal.append([fill(0)]) == (1,)


async def test_only_the_days_of_interest_are_loaded(path):
    async with open_journal(path) as journal:
        await journal.append(
            [fill(0), JournalRecord(kind="verified", trade_date=date(2026, 11, 21)), fill(1)]
        )
        (record,) = await journal.load(whole, since=date(2026, 11, 21))
        assert (record.kind, record.row) == ("verified", 2)


async def test_who_cannot_keep_up_reads_on_from_where_he_is(path):
    async with open_journal(path) as journal:
        await journal.append([fill(number) for number in range(10)])
        seen, after = [], 0
        while chunk := await journal.read(after=after, limit=3):
            seen += [record.start for record in chunk]
            after = chunk[-1].row
        assert seen == list(range(10))


async def test_cursors_are_kept_by_name_and_never_go_back(path):
    async with open_journal(path) as journal:
        await journal.append([fill(0), fill(1)])
        assert journal.cursor("a") is None
        journal.acknowledge("a", 2)
        journal.acknowledge("a", 1)
        journal.acknowledge("b", 1)
        with pytest.raises(KXTValidationError, match="row 3"):
            journal.acknowledge("a", 3)
    async with open_journal(path) as journal:
        assert [journal.cursor(name) for name in "abc"] == [2, 1, None]


async def test_records_that_wait_are_committed_together_in_order(path):
    class Counting(InThread):
        runs = 0

        async def run(self, function):
            self.runs += 1
            return await super().run(function)

    counting = Counting()
    async with open_journal(path, offload=lambda: counting) as journal:
        counting.runs = 0
        rows: dict[int, tuple[int, ...]] = {}

        async def append(number: int) -> None:
            rows[number] = await journal.append([fill(2 * number), fill(2 * number + 1)])

        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(append, number)
        assert counting.runs <= 3
        starts = {record.row: record.start for record in await journal.load(whole)}
        for number, (first, second) in rows.items():
            assert second == first + 1
            assert (starts[first], starts[second]) == (2 * number, 2 * number + 1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rec SET amount = 0",
        "DELETE FROM rec",
        "DELETE FROM account",
        "UPDATE account SET tag = 'x'",
        "INSERT OR REPLACE INTO rec SELECT * FROM rec",
        "INSERT OR IGNORE INTO rec SELECT * FROM rec",
        "REPLACE INTO rec (row, kind, trade_date, detail, fill_id, seal)"
        " SELECT row + 1, kind, trade_date, detail, fill_id, seal FROM rec",
        "INSERT INTO rec (row, kind, trade_date, detail, seal, quantity)"
        " VALUES (9, '', '', '', x'', 'many')",
    ],
)
async def test_what_is_recorded_cannot_be_changed(path, statement):
    async with open_journal(path) as journal:
        await journal.enrol(ACCOUNT_ID, "real", APP_KEY)
        await journal.append([fill(0)])
        with pytest.raises(sqlite3.IntegrityError):
            sql(path, statement)
        assert len(await journal.load(whole)) == 1


async def test_the_same_fill_cannot_be_recorded_twice_and_nothing_comes_after(path):
    async with open_journal(path) as journal:
        await journal.append([fill(0)])
        with pytest.raises(KXTJournalError, match="recorded already"):
            await journal.append([fill(1), fill(0)])
        with pytest.raises(KXTJournalError, match="until the journal is opened again"):
            await journal.append([fill(1)])
        assert len(await journal.load(whole)) == 1
    async with open_journal(path) as journal:
        assert await journal.append([fill(1)]) == (2,)


async def test_how_the_file_is_set_up(path):
    async with open_journal(path) as journal:
        await journal.append([fill(0)])
        connection = journal._file._connection
        settings_ = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "application_id", "user_version")
        }
        assert settings_ == {
            "journal_mode": "wal",
            "synchronous": 2,
            "application_id": int.from_bytes(b"KXTJ", "big"),
            "user_version": 1,
        }
        assert sql(path, "SELECT strict FROM pragma_table_list WHERE name = 'rec'") == [(1,)]


plain_values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
amounts = st.integers(-(10**15), 10**15) | st.decimals(
    allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9
)
floats = st.none() | st.floats(allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(
    st.lists(
        st.builds(
            JournalRecord,
            kind=texts,
            trade_date=st.dates(),
            environment=st.none() | texts,
            account=st.none() | texts,
            number=st.none() | texts,
            quantity=st.none() | st.integers(-(2**62), 2**62),
            amount=st.none() | amounts,
            start=st.none() | st.integers(0, 2**62),
            end=st.none() | st.integers(0, 2**62),
            earliest=floats,
            latest=floats,
            received_wall=floats,
            detail=st.dictionaries(st.sampled_from(["fence", "as_of"]), plain_values),
        ),
        max_size=4,
    )
)
@settings(max_examples=40)
def test_any_record_comes_back_as_it_was(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("journal") / "j.db"

    async def main() -> None:
        async with open_journal(path, offload=Inline) as journal:
            await journal.append(records)
        async with open_journal(path, offload=Inline) as journal:
            assert [
                attrs.evolve(found, row=0) for found in await journal.load(whole)
            ] == records

    trio.run(main)


async def test_exact_amounts(path):
    async with open_journal(path) as journal:
        await journal.append([fill(0, amount=Decimal("148.0100")), fill(1, amount=10**15)])
        first, second = await journal.load(whole)
    assert str(first.amount) == "148.0100"
    assert (second.amount, type(second.amount)) == (10**15, int)


def test_tags_are_keyed():
    assert len(account_tag(ACCOUNT_ID, APP_KEY)) == len(TAG)
    tags = {account_tag(ACCOUNT_ID, key) for key in ("a", "b", "c" * 36)}
    assert len(tags) == 3


def test_dates_sort_as_text():
    assert fill(0).to_values()[3] == DAY.isoformat()


@pytest.mark.parametrize(
    ("owner", "match"),
    [
        (("87654321", "real", APP_KEY), "that of another account"),
        ((ACCOUNT_ID, "paper", APP_KEY), "that of the real environment"),
        ((ACCOUNT_ID, "paper", "renewed"), "that of the real environment"),
    ],
)
async def test_a_journal_is_one_accounts(path, owner, match):
    async with open_journal(path, offload=Inline) as journal:
        await journal.enrol(ACCOUNT_ID, "real", APP_KEY)
    async with open_journal(path, offload=Inline) as journal:
        with pytest.raises(KXTJournalError, match=match):
            await journal.enrol(*owner)


async def test_the_slow_hash_is_made_once_for_an_account(path, monkeypatch):
    made = []
    scrypt = journal_file._verifier
    monkeypatch.setattr(
        journal_file, "_verifier", lambda *given: made.append(1) or scrypt(*given)
    )
    for _ in range(3):
        async with open_journal(path, offload=Inline) as journal:
            for _ in range(2):
                await journal.enrol(ACCOUNT_ID, "real", APP_KEY)
    assert len(made) == 1


def verified(day: date, *, reviewed: bool = True) -> JournalRecord:
    return JournalRecord(
        kind="verified", trade_date=day, detail={"as_of": 1.0, "reviewed": reviewed}
    )


def on(day: int) -> date:
    return date(2026, 11, day)


@pytest.mark.parametrize(
    ("records", "settled"),
    [
        ([], date.min),
        ([fill(0)], date.min),
        ([fill(0), verified(on(20), reviewed=False)], date.min),
        ([fill(0), verified(on(20))], on(20)),
        # Counted after it was verified: it is open again.
        ([fill(0), verified(on(20)), fill(1)], date.min),
        ([fill(0), verified(on(20)), verified(on(21))], on(21)),
        # The day before the first that is open is the last that was seen to its end.
        ([fill(0), verified(on(20)), fill(0, trade_date=on(21))], on(20)),
        ([verified(on(20)), fill(0, trade_date=on(21)), verified(on(22))], on(20)),
        # Of a day without a word nothing is known.
        ([verified(on(20)), verified(on(22))], on(20)),
    ],
)
async def test_up_to_which_day_all_is_settled(path, records, settled):
    records = [attrs.evolve(r, fill_id=None) for r in records]
    async with open_journal(path, offload=Inline) as journal:
        await journal.append(records)
        assert await journal.settled_day() == settled
        loaded = await journal.load(whole, since=settled)
        assert [r.trade_date for r in loaded] == [
            r.trade_date for r in records if r.trade_date >= settled
        ]


async def test_what_is_settled_is_not_read_at_a_start(path, monkeypatch):
    many = [fill(number) for number in range(5_000)]
    async with open_journal(path, offload=Inline) as journal:
        await journal.append([*many, verified(on(20)), verified(on(21))])
        await journal.append([fill(0, trade_date=on(22), fill_id=None)])
        read = []
        monkeypatch.setattr(
            journal_reader,
            "open_rows",
            lambda *given: read.append(journal_file.open_rows(*given)) or read[-1],
        )
        assert len(await journal.load(whole, since=await journal.settled_day())) == 2
        assert [len(rows) for rows in read] == [2, 0]
