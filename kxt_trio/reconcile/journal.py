"""The journal: what was counted, on disk before anybody sees it.

Commit comes before delivery, so no fill that was seen can be taken back by a power cut or
a killed process.  Delivery itself is at least once: a consumer acknowledges what it has
dealt with, and what it did not is there again after a restart.

Records that come in while a commit is under way are committed together, in the order in
which they came.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeVar

import attrs
import trio

from kxt_trio.errors import KXTJournalError, KXTValidationError
from kxt_trio.offload import InThread, Offload

from .account_tags import account_tag
from .journal_file import JournalFile
from .journal_records import JournalRecord, Values

__all__ = ["Journal", "open_journal"]

_log = logging.getLogger("kxt_trio")

_T = TypeVar("_T")

_CHUNK = 2_000
_TURN_BOUND = 30.0


@attrs.define(eq=False)
class _Job:
    """What one caller wants written; ``rows`` once it is."""

    values: Sequence[Values] = ()
    cursors: Mapping[str, int] = attrs.field(factory=dict[str, int])
    rows: tuple[int, ...] | None = None


@asynccontextmanager
async def open_journal(
    path: str | Path, *, offload: Offload | None = None
) -> AsyncGenerator[Journal]:
    """Open a journal for writing, made if need be.

    Args:
        path: The file.  SQLite keeps ``-wal`` and ``-shm`` beside it and the writer
            ``.lock``; a copy of the file alone is complete only when nobody has it open.
        offload: How to run what blocks; by default in one thread.  For a mock clock:
            :class:`~kxt_trio.offload.Inline`.

    Raises:
        KXTJournalInUseError: another writer has it.
        KXTJournalError: it cannot be opened, is damaged or something else than a journal.
    """
    runs = offload or InThread()
    journal = Journal(await _run(runs, partial(JournalFile, Path(path))), runs)
    try:
        yield journal
    finally:
        await journal.aclose()  # noqa: ASYNC102  # shielded and bounded by the offload


class Journal:
    """The open journal.  Tasks may use it at the same time.

    After a write that failed it takes nothing more: what is recorded has no gaps.
    """

    def __init__(self, file: JournalFile, offload: Offload) -> None:
        self._file = file
        self._offload = offload
        self._turn = trio.Lock()
        self._jobs: list[_Job] = []
        self._accounts: dict[str, str] = {}
        self._failure: KXTJournalError | None = None
        self._is_closed = False

    @property
    def last_row(self) -> int:
        """The number of the last record that is on disk; 0 if there is none."""
        return self._file.last_row

    async def append(self, records: Sequence[JournalRecord]) -> tuple[int, ...]:
        """Record all of it or nothing; return the rows' numbers once they are on disk.

        Cancelled means that nothing was recorded.  Once begun it is not cancelled, for as
        long as the disk answers.

        Raises:
            KXTJournalError: not recorded; nor will anything after it be.  Should the disk
                have failed in the very act of committing, the records may be found when
                the journal is opened again.
            KXTValidationError: a record has an event and no account tag.
        """
        values = [record.to_values() for record in records]
        await trio.lowlevel.checkpoint()
        if not values:
            return ()
        return await self._commit(_Job(values))

    async def acknowledge(self, consumer: str, row: int) -> None:
        """Note that this consumer has dealt with everything up to this row.

        A cursor never goes back.  It outlasts a killed program; a power cut may take back
        the latest, and what was dealt with is then delivered again.

        Raises:
            KXTJournalError: not noted.
            KXTValidationError: there is no such row yet.
        """
        if row > self.last_row:
            raise KXTValidationError(f"row {row} is not recorded and cannot be acknowledged")
        await trio.lowlevel.checkpoint()
        await self._commit(_Job(cursors={consumer: row}))

    async def cursor(self, consumer: str) -> int | None:
        """Return the last row that this consumer acknowledged; None for a new one.

        Raises:
            KXTJournalError: the journal cannot be read.
        """
        return await self._call(lambda: self._file.cursor(consumer))

    async def read(self, *, after: int, limit: int = 256) -> tuple[JournalRecord, ...]:
        """Return the records after this row, oldest first: for who cannot keep up.

        Raises:
            KXTJournalError: the journal cannot be read, or a row is not what was written.
        """
        accounts = dict(self._accounts)
        return await self._records(after, date.min, limit, accounts)

    async def load(self, *, since: date = date.min) -> tuple[JournalRecord, ...]:
        """Return all records, oldest first: for the ledger to go on from.

        Events are the user's and left out; :meth:`read` has them.

        Args:
            since: First trade date that is still of interest.

        Raises:
            KXTJournalError: the journal cannot be read, or a row is not what was written.
        """
        records: list[JournalRecord] = []
        after = 0
        while chunk := await self._records(after, since, _CHUNK, None):
            records += chunk
            after = chunk[-1].row
        return tuple(records)

    async def enrol(self, account_id: str, app_key: str) -> str:
        """Return the tag that stands for an account in this journal.

        It is :func:`~kxt_trio.reconcile.account_tags.account_tag`, unless the journal knew
        the account already, under the tag of an earlier app key: then it is that one.
        Events of an enrolled account are read with its number in its place.

        Raises:
            KXTJournalError: the journal cannot be read or written.
        """
        tag = await self._call(
            lambda: self._file.enrol(account_id, account_tag(account_id, app_key))
        )
        self._accounts[tag] = account_id
        return tag

    async def aclose(self) -> None:  # noqa: ASYNC910  # the offload checkpoints
        """Close the file and let others have it; not an error if it is closed.

        Everything recorded is on disk already, so a failure is logged and no more.
        """
        self._is_closed = True
        try:
            with trio.move_on_after(_TURN_BOUND, shield=True):
                await _run(self._offload, self._file.close)
        except KXTJournalError as exc:
            _log.warning("the journal was not closed in order: %s", exc)

    async def _records(
        self, after: int, since: date, limit: int, accounts: Mapping[str, str] | None
    ) -> tuple[JournalRecord, ...]:
        def read() -> tuple[JournalRecord, ...]:
            return tuple(
                JournalRecord.from_values(row, values, accounts)
                for row, values in self._file.read(after, since, limit)
            )

        return await self._call(read)

    async def _call(self, function: Callable[[], _T]) -> _T:
        self._refuse_if_closed()
        return await _run(self._offload, function)

    async def _commit(self, job: _Job) -> tuple[int, ...]:
        """Have the job written, with whatever else waits; by the first who gets his turn."""
        self._refuse_if_closed()
        self._jobs.append(job)
        try:
            with trio.fail_after(_TURN_BOUND, shield=True):
                async with self._turn:
                    if job.rows is None:
                        await self._write()
        except trio.TooSlowError as exc:
            raise KXTJournalError("journal: the disk does not answer") from exc
        assert job.rows is not None
        return job.rows

    async def _write(self) -> None:
        jobs, self._jobs = self._jobs, []
        self._refuse_if_failed()
        batch = [values for job in jobs for values in job.values]
        cursors: dict[str, int] = {}
        for job in jobs:
            for consumer, row in job.cursors.items():
                cursors[consumer] = max(row, cursors.get(consumer, row))
        # Stands until the write has returned, whichever way it fails.
        self._failure = KXTJournalError("a write to the journal broke off")
        try:
            row = await _run(self._offload, partial(self._file.write, batch, cursors))
        except KXTJournalError as exc:
            self._failure = exc
            raise
        self._failure = None
        for job in jobs:
            job.rows = tuple(range(row, row + len(job.values)))
            row += len(job.values)

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise trio.ClosedResourceError("the journal is closed")

    def _refuse_if_failed(self) -> None:
        if self._failure is not None:
            raise KXTJournalError(
                f"nothing more is recorded until the journal is opened again: {self._failure}"
            ) from self._failure


async def _run(offload: Offload, function: Callable[[], _T]) -> _T:
    try:
        return await offload.run(function)
    except trio.TooSlowError as exc:
        raise KXTJournalError("journal: the disk does not answer") from exc
