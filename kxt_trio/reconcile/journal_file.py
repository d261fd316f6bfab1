"""The journal's SQLite file: blocking calls, one at a time, from one place.

Write-ahead log, so that a reader never stops the writer.  ``synchronous=FULL``: when a
write returns, a power cut does not undo it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from kxt_trio.errors import KXTJournalError, KXTJournalInUseError
from kxt_trio.file_lock import FileLock

from .journal_records import COLUMNS, Values
from .journal_schema import (
    APPLICATION_ID,
    FIRST_SEAL,
    INSERT_RECORD,
    MOVE_CURSOR,
    SCHEMA,
    SELECT_RECORDS,
    VERSION,
    seal,
)

__all__ = [
    "JournalFile",
    "Row",
    "connect",
    "lock_path",
    "naming_errors",
    "open_rows",
    "refuse_folder",
]

#: A row's number and its values.
Row: TypeAlias = tuple[int, Values]

_BUSY = 5.0
#: As long as the log gets, in pages of 4 KiB and a head each, before a commit has to move it
#: into the file.  A fill takes five; the commit that goes beyond may be of hundreds.
_LOG_PAGES = 8_000
_LOG_BYTES = 4_120 * (_LOG_PAGES + 400)
_SALT_BYTES = 16
# About 50 ms and 16 MiB a guess: a hundred million account numbers take two months.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 16}

_CAUSES = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CORRUPT: "it is damaged",
    sqlite3.SQLITE_NOTADB: "it is damaged, or not a journal",
    sqlite3.SQLITE_READONLY: "it may only be read",
    sqlite3.SQLITE_PERM: "access is denied",
    sqlite3.SQLITE_AUTH: "access is denied",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_BUSY: "another program keeps it locked",
    sqlite3.SQLITE_LOCKED: "another program keeps it locked",
    sqlite3.SQLITE_CONSTRAINT: "it refuses the record",
    sqlite3.SQLITE_SCHEMA: "its tables are not those of a journal",
}


class JournalFile:
    """The one writer of a journal.

    Args:
        path: The file; made, for its owner only, if it is not there or empty.

    Raises:
        KXTJournalInUseError: another writer has it.
        KXTJournalError: it cannot be opened, is damaged or something else than a journal.
    """

    def __init__(self, path: Path) -> None:
        path = Path(os.path.realpath(path))  # by whatever name it goes, it has one lock
        refuse_folder(path)
        self._lock = FileLock(lock_path(path))
        self._connection: sqlite3.Connection | None = None
        _take(self._lock, path)
        try:
            with naming_errors(path):
                _create(path)
                self._connection = connection = connect(path, writable=True)
                _prepare(connection, path)
                last = connection.execute(
                    "SELECT row, seal FROM rec ORDER BY row DESC LIMIT 1"
                ).fetchone()
                self._last: int
                self._seal: bytes
                self._last, self._seal = last or (0, FIRST_SEAL)
                _refuse_lost_rows(connection, path, self._last)
        except BaseException:
            self.close()
            raise
        self.path = path

    @property
    def last_row(self) -> int:
        """The number of the last row; 0 if there is none."""
        return self._last

    def cursors(self) -> dict[str, int]:
        """Return the last row that each consumer acknowledged."""
        with naming_errors(self.path):
            return dict(self._open_connection().execute("SELECT consumer, row FROM cursor"))

    def write(self, records: Sequence[Values], cursors: Mapping[str, int]) -> int:
        """Write all of it or nothing; return the number of the first record's row.

        Raises:
            KXTJournalError: nothing was written, as far as is known.
        """
        connection = self._open_connection()
        first = row = self._last + 1
        last_seal = self._seal
        rows: list[tuple[Any, ...]] = []
        for values in records:
            last_seal = seal(last_seal, row, values)
            rows.append((row, *values, last_seal))
            row += 1
        with naming_errors(self.path), _transaction(connection):
            connection.executemany(INSERT_RECORD, rows)
            if cursors:
                connection.executemany(MOVE_CURSOR, list(cursors.items()))
        self._last, self._seal = row - 1, last_seal
        return first

    def enrol(self, account_id: str, environment: str, tag: str) -> str:
        """Return the tag under which this journal has the account, from now on ``tag``.

        An account keeps its first tag here even when the app key, and with it the tag that
        would be given today, has changed: to go on under another would count the day's
        fills a second time.

        Raises:
            KXTJournalError: the journal is that of another account, or of another
                environment; or it cannot be read or written.
        """
        connection = self._open_connection()
        with naming_errors(self.path):
            owner = connection.execute(
                "SELECT tag, environment, salt, verifier FROM account"
            ).fetchone()
            if owner is None:
                salt = os.urandom(_SALT_BYTES)
                with _transaction(connection):
                    connection.execute(
                        "INSERT INTO account (tag, environment, salt, verifier)"
                        " VALUES (?, ?, ?, ?)",
                        (tag, environment, salt, _verifier(account_id, salt)),
                    )
                return tag
        known, its_environment, salt, verifier = owner
        # The tag is a hash of the number, too: where it is the same there is no need for
        # the one that is slow on purpose.
        if known != tag and not hmac.compare_digest(_verifier(account_id, salt), verifier):
            raise KXTJournalError(
                f"journal {self.path.name} is that of another account; give each its own"
            )
        if its_environment != environment:
            raise KXTJournalError(
                f"journal {self.path.name} is that of the {its_environment} environment, not "
                f"of {environment}; give each its own"
            )
        return str(known)

    def empty_log(self) -> None:
        """Move what is in the log into the file, as far as no reader needs it there.

        Raises:
            KXTJournalError: it cannot be moved now; nothing is lost.
        """
        with naming_errors(self.path):
            self._open_connection().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def close(self) -> None:
        """Close it; not an error if it is closed."""
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                with naming_errors(self._lock.path):
                    connection.close()
        finally:
            self._lock.release()

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise KXTJournalError("the journal is closed")
        return self._connection


def lock_path(path: Path) -> Path:
    """Return the file that a journal's writer locks.

    Not the journal itself: SQLite has locks of its own there, and any descriptor of it
    that is closed would drop them.
    """
    return path.with_name(path.name + ".lock")


def refuse_folder(path: Path) -> None:
    """Say so where a folder was given; SQLite speaks of a broken disk.

    Raises:
        KXTJournalError: it is one.
    """
    if path.is_dir():
        raise KXTJournalError(f"journal {path.name}: it is a folder")


def connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    """Open the file, which must exist.

    Raises:
        sqlite3.Error: it cannot be.
    """
    mode = "rw" if writable else "ro"
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        timeout=_BUSY,
        isolation_level=None,  # transactions are begun by name
        check_same_thread=False,  # one thread at a time, not always the same
    )
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def open_rows(connection: sqlite3.Connection, after: int, since: date, limit: int) -> list[Row]:
    """Return the rows after this one, of this trade date or later, at most so many.

    Raises:
        KXTJournalError: a row does not bear its seal.
    """
    rows: list[Row] = []
    selected = connection.execute(SELECT_RECORDS, (after, since.isoformat(), limit))
    for row, *values, own, before in selected:
        if seal(FIRST_SEAL if row == 1 else before or b"", row, values) != own:
            raise KXTJournalError(f"journal row {row} was altered, or a row before it is gone")
        rows.append((row, tuple(values[: len(COLUMNS)])))
    return rows


@contextmanager
def naming_errors(path: Path) -> Generator[None]:
    """Turn what SQLite and the system say into an error that names the file and the cause."""
    try:
        yield
    except sqlite3.Error as exc:
        code: int | None = getattr(exc, "sqlite_errorcode", None)
        cause = "SQLite refuses" if code is None else _CAUSES.get(code & 0xFF, "SQLite fails")
        raise KXTJournalError(f"journal {path.name}: {cause} ({exc})") from exc
    except UnicodeDecodeError as exc:  # of a name or a message that was text once
        raise KXTJournalError(f"journal {path.name}: it is damaged") from exc
    except OSError as exc:
        raise KXTJournalError(f"journal {path.name}: {exc.strerror or exc}") from exc


def _take(lock: FileLock, path: Path) -> None:
    with naming_errors(path):
        if not lock.acquire():
            raise KXTJournalInUseError(
                f"journal {path.name} is being written by another program, or by another "
                "client of this one; give each a journal of its own"
            )


def _create(path: Path) -> None:
    """Make an empty file for its owner only; SQLite's side files take after it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise KXTJournalError(f"journal {path.name}: its file system has no write-ahead log")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    connection.execute("PRAGMA recursive_triggers = ON")
    with _transaction(connection):
        check_identity(connection, path, may_be_empty=True)
        if connection.execute("PRAGMA application_id").fetchone() == (0,):
            for statement in SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
    _lengthen_log(connection)
    _flush_folder(path.parent)


def _lengthen_log(connection: sqlite3.Connection) -> None:
    """Give the write-ahead log its full length now, for later commits to overwrite.

    A commit that makes a file longer has the file system write down the length, too: with
    this, one in a hundred of the first few hundred took 1 ms and not 9, on a busy ext4.
    What does not fit SQLite's cache goes to the log before there is a commit, so nothing
    has to be committed.
    """
    (cache,) = connection.execute("PRAGMA cache_size").fetchone()
    connection.execute("PRAGMA cache_size = 50")
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE padding (content BLOB)")
        connection.execute("INSERT INTO padding VALUES (zeroblob(?))", (_LOG_BYTES,))
    except sqlite3.Error:  # for want of room: the log then grows as it may
        pass
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute(f"PRAGMA cache_size = {cache}")
    with _transaction(connection):  # flushes it, so that the first fill does not have to
        connection.execute(f"PRAGMA user_version = {VERSION}")


def check_identity(
    connection: sqlite3.Connection, path: Path, *, may_be_empty: bool = False
) -> None:
    """Refuse another program's database, and a journal of another version.

    Raises:
        KXTJournalError: it is one.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if may_be_empty and (application, version, tables) == (0, 0, 0):
        return
    if application != APPLICATION_ID:
        raise KXTJournalError(f"{path.name} is not a journal of kxt_trio")
    if version != VERSION:
        raise KXTJournalError(
            f"journal {path.name} is of version {version}; this kxt_trio writes {VERSION}"
        )


def _refuse_lost_rows(connection: sqlite3.Connection, path: Path, last: int) -> None:
    (seen,) = connection.execute("SELECT coalesce(max(row), 0) FROM cursor").fetchone()
    if seen > last:
        raise KXTJournalError(
            f"journal {path.name}: row {seen} was acknowledged and is gone; it is damaged"
        )


def _flush_folder(folder: Path) -> None:
    """Make a new file's name as lasting as its content, where folders can be flushed."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _verifier(account_id: str, salt: bytes) -> bytes:
    return hashlib.scrypt(account_id.encode(), salt=salt, **_SCRYPT)
