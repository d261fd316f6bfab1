"""Reading a journal that is being written: a connection of its own, that only reads.

The write-ahead log lets it read while the writer writes, so who reads back waits for
nobody and nobody for him.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from kxt_trio.errors import KXTJournalError

from .journal_file import Row, connect, naming_errors, open_rows

__all__ = ["JournalReader"]

_LAST_OF_DAY = "SELECT max(row) FROM rec WHERE trade_date = ?"
_VERDICT = (
    "SELECT row, detail FROM rec WHERE kind = 'verified' AND trade_date = ?"
    " ORDER BY row DESC LIMIT 1"
)


class JournalReader:
    """Reads rows; blocking calls, from any thread.

    Args:
        path: The journal, which must exist.  Opened when it is first read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._one = threading.Lock()
        self._is_closed = False

    def read(self, after: int, limit: int) -> list[Row]:
        """Return rows in order.

        Raises:
            KXTJournalError: it cannot be read, or a row does not bear its seal.
        """
        with self._opened() as connection:
            return open_rows(connection, after, date.min, limit)

    def read_since(self, day: date, after: int, limit: int) -> list[Row]:
        """Return the rows of this trade date or later, in order; as :meth:`read`."""
        with self._opened() as connection:
            (first,) = connection.execute(
                "SELECT min(row) FROM rec WHERE trade_date >= ?", (day.isoformat(),)
            ).fetchone()
            return open_rows(connection, max(after, (first or 1) - 1), day, limit)

    def settled_day(self) -> date:
        """Return the day up to which all is settled; ``date.min`` if the first is not.

        A settled day's last word is that it was verified and reviewed.  That day itself is
        still of interest: it may have been reviewed before it was over.

        Raises:
            KXTJournalError: it cannot be read.
        """
        settled = date.min
        with self._opened() as connection:
            (first,) = connection.execute("SELECT min(trade_date) FROM rec").fetchone()
            try:
                day = None if first is None else date.fromisoformat(first)
            except ValueError as exc:
                raise KXTJournalError(f"journal {self._path.name}: it is damaged") from exc
            while day is not None and _is_settled(connection, day):
                settled, day = day, day + timedelta(days=1)
        return settled

    def close(self) -> None:
        """Close it, for good; not an error if it is closed."""
        self._is_closed = True
        with self._one:
            connection, self._connection = self._connection, None
            if connection is not None:
                with naming_errors(self._path):
                    connection.close()

    @contextmanager
    def _opened(self) -> Generator[sqlite3.Connection]:
        with self._one, naming_errors(self._path):
            if self._is_closed:
                raise KXTJournalError("the journal is closed")
            if self._connection is None:
                self._connection = connect(self._path, writable=False)
            yield self._connection


def _is_settled(connection: sqlite3.Connection, day: date) -> bool:
    (last,) = connection.execute(_LAST_OF_DAY, (day.isoformat(),)).fetchone()
    verdict = connection.execute(_VERDICT, (day.isoformat(),)).fetchone()
    if verdict is None or verdict[0] != last:
        return False
    try:
        return json.loads(verdict[1])["reviewed"] is True
    except (ValueError, KeyError, TypeError):
        return False
