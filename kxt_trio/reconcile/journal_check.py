"""Looking at a journal from outside: is it sound, and what is in it.

Reads only and takes no lock, so the writer may be at work: what is seen is the journal as
it was at one moment.  Blocking calls; for the command line, and for scripts.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from datetime import date
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import attrs

from kxt_trio.errors import KXTJournalError

from .journal_file import Row, check_identity, connect, naming_errors, open_rows, refuse_folder
from .journal_records import COLUMNS, JournalRecord
from .journal_schema import SCHEMA

__all__ = ["JournalReport", "export_csv", "export_jsonl", "verify_journal"]

_CHUNK = 2_000
_NOT_EXPORTED_AS_CSV = {"event", "detail"}
# What a damaged file makes SQLite say, and Python say of that.
_DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
# SQLite makes these by itself.
_OWN = "sqlite_%"


@attrs.frozen
class JournalReport:
    """What a check found.

    Attributes:
        records: Rows that are as they were written.
        orders: Orders among them.
        problems: What is wrong, in words; empty if nothing is.
    """

    records: int
    orders: int
    problems: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Nothing is wrong."""
        return not self.problems


def verify_journal(path: str | Path) -> JournalReport:
    """Check everything that can be checked.

    SQLite's own integrity check; the tables and their triggers; the seal of every row; for
    each order, that what was counted joins end to start; that no cursor is ahead.

    Raises:
        KXTJournalError: it cannot be opened, or is not a journal.
    """
    with _reading(Path(path)) as connection:
        problems = [*_integrity(connection), *_schema(connection)]
        counted = _Counted()
        last = 0
        try:
            for last, values in _rows(connection):
                problems += counted.take(JournalRecord.from_values(last, values, None))
            problems += _cursors(connection, last)
        except (KXTJournalError, *_DAMAGE) as exc:
            problems.append(str(exc))
        return JournalReport(last, len(counted.orders), tuple(problems))


def export_csv(path: str | Path, out: TextIO) -> int:
    """Write the records as CSV with a header; return how many.

    Without the events themselves.  Accounts appear as their tags.

    Raises:
        KXTJournalError: it cannot be opened, is damaged or not a journal.
    """
    names = [name for name in COLUMNS if name not in _NOT_EXPORTED_AS_CSV]
    writer = csv.writer(out)
    count = 0
    rows = _exported(path)
    first = list(islice(rows, 1))  # no header before it is known to be a journal
    writer.writerow(["row", *names])
    for row in chain(first, rows):
        writer.writerow([row["row"], *(row[name] for name in names)])
        count += 1
    return count


def export_jsonl(path: str | Path, out: TextIO) -> int:
    """Write the records as JSON, one a line; return how many.

    Everything is in it.  Accounts appear as their tags, in the events too.

    Raises:
        KXTJournalError: it cannot be opened, is damaged or not a journal.
    """
    count = 0
    for row in _exported(path):
        for name in ("event", "detail"):
            row[name] = json.loads(row[name] or "null")
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
        count += 1
    return count


def _exported(path: str | Path) -> Iterator[dict[str, Any]]:
    with _reading(Path(path)) as connection:
        for row, values in _rows(connection):
            yield {"row": row, **dict(zip(COLUMNS, values, strict=True))}


@contextmanager
def _reading(path: Path) -> Generator[sqlite3.Connection]:
    refuse_folder(path)
    with naming_errors(path), closing(connect(path, writable=False)) as connection:
        check_identity(connection, path)
        connection.execute("BEGIN")  # one moment for all that follows
        yield connection


def _rows(connection: sqlite3.Connection) -> Iterator[Row]:
    after = 0
    while rows := open_rows(connection, after, date.min, _CHUNK):
        yield from rows
        after = rows[-1][0]


def _integrity(connection: sqlite3.Connection) -> list[str]:
    try:
        found = [str(line) for (line,) in connection.execute("PRAGMA integrity_check")]
    except _DAMAGE as exc:
        return [f"integrity: {exc}"]
    return [f"integrity: {line}" for line in found if line != "ok"]


def _schema(connection: sqlite3.Connection) -> list[str]:
    found = {
        str(sql)
        for (sql,) in connection.execute(
            "SELECT sql FROM sqlite_master WHERE name NOT LIKE ?", (_OWN,)
        )
    }
    return [
        f"schema: missing or altered: {sql.split('(')[0].strip()}"
        for sql in SCHEMA
        if sql not in found
    ] + [
        f"schema: not ours: {sql.split('(')[0].strip()}" for sql in sorted(found - set(SCHEMA))
    ]


def _cursors(connection: sqlite3.Connection, last: int) -> list[str]:
    return [
        f"cursor of {consumer!r} is at row {row}, the last is {last}"
        for consumer, row in connection.execute("SELECT consumer, row FROM cursor")
        if row > last
    ]


@attrs.define
class _Counted:
    """What was counted of every order, as the records say."""

    orders: dict[tuple[Any, ...], int] = attrs.field(factory=dict[tuple[Any, ...], int])

    def take(self, record: JournalRecord) -> Iterator[str]:
        """Count a record; yield what does not fit."""
        if record.number is None or record.quantity is None:
            return
        order = (record.environment, record.account, record.trade_date, record.number)
        before = self.orders.get(order, 0)
        after = before + record.quantity
        self.orders[order] = after
        if record.start is not None and (record.start, record.end) != (before, after):
            self.orders[order] = after if record.end is None else record.end
            yield (
                f"row {record.row}: order {record.number} of {record.trade_date} goes from "
                f"{record.start} to {record.end}, not from {before} to {after}"
            )
