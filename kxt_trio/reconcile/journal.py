"""The journal: what was counted, on disk before anybody sees it.

Commit comes before delivery, so no fill that was seen can be taken back by a power cut or
a killed process.  Delivery itself is at least once: a consumer acknowledges what it has
dealt with, and what it did not is there again after a restart.

Records that come in while a commit is under way are committed together, in the order in
which they came.  An acknowledgement has no commit of its own while records come: it is
written with the next ones, or soon after when none come.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import attrs
import trio

from kxt_trio.errors import KXTJournalError, KXTValidationError
from kxt_trio.offload import InThread, Offload

from .account_tags import account_tag
from .journal_file import JournalFile, Row
from .journal_reader import JournalReader
from .journal_records import JournalRecord, Values

__all__ = ["Journal", "Recordable", "open_journal"]

_log = logging.getLogger("kxt_trio")

_T = TypeVar("_T")

_CHUNK = 2_000
_TURN_BOUND = 30.0
_CLOSE_BOUND = 30.0

#: An acknowledgement waits so long for records to be written with.
_ACKNOWLEDGE_WITHIN = 0.05

#: When nothing was written for so long, there is time to put the log away.
_PAUSE = 1.0


class Recordable(Protocol):
    """What a journal can take."""

    def to_values(self) -> Values:
        """Return it as a row, the account concealed.

        Raises:
            KXTValidationError: it has an event and no account tag to put into it.
        """
        ...


@attrs.define(eq=False, repr=False)
class _Job:
    """What one caller wants written; ``rows`` once it is."""

    values: Sequence[Values]
    rows: tuple[int, ...] | None = None


@asynccontextmanager
async def open_journal(
    path: str | Path, *, offload: Callable[[], Offload] = InThread
) -> AsyncGenerator[Journal]:
    """Open a journal for writing, made if need be.

    Args:
        path: The file.  SQLite keeps ``-wal`` and ``-shm`` beside it and the writer
            ``.lock``; a copy of the file alone is complete only when nobody has it open.
        offload: Makes what runs blocking work, one for the writer and one for readers; by
            default a thread.  For a mock clock: :class:`~kxt_trio.offload.Inline`.

    Raises:
        KXTJournalInUseError: another writer has it.
        KXTJournalError: it cannot be opened, is damaged or something else than a journal.
    """
    writes = offload()
    opening = _Opening(Path(path))
    try:
        file, cursors = await _run(writes, opening)
    except BaseException:
        # It may come to be open yet, and would keep its lock.
        writes.leave(opening.undo)
        raise
    journal = Journal(file, cursors, writes, offload())
    try:
        yield journal
    finally:
        await journal.aclose()  # noqa: ASYNC102  # shielded and bounded


@attrs.define(eq=False, repr=False)
class _Opening:
    """Opens the file, in a thread that may be left to itself over it."""

    path: Path
    _file: JournalFile | None = attrs.field(init=False, default=None)

    def __call__(self) -> tuple[JournalFile, dict[str, int]]:
        self._file = JournalFile(self.path)
        return self._file, self._file.cursors()

    def undo(self) -> None:
        """Close what was opened, if anything was."""
        if self._file is not None:
            self._file.close()


class Journal:
    """The open journal.  Tasks may use it at the same time.

    After a write that failed it takes nothing more: what is recorded has no gaps.
    """

    def __init__(
        self, file: JournalFile, cursors: dict[str, int], writes: Offload, reads: Offload
    ) -> None:
        self._file = file
        self._reader = JournalReader(file.path)
        self._writes = writes
        self._reads = reads
        self._turn = trio.Lock()
        self._jobs: list[_Job] = []
        self._waiting: set[trio.CancelScope] = set()
        self._give_up_at = float("inf")
        self._cursors = cursors
        self._unsaved: dict[str, int] = {}
        self._unsaved_since = -float("inf")
        self._acknowledged = trio.Event()
        self._written = trio.Event()
        self._written_at = -float("inf")
        self._accounts: dict[str, str] = {}
        self._failure: KXTJournalError | None = None
        self._is_closed = False

    @property
    def last_row(self) -> int:
        """The number of the last record that is on disk; 0 if there is none."""
        return self._file.last_row

    async def append(self, records: Sequence[Recordable]) -> tuple[int, ...]:
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
        await trio.lowlevel.checkpoint_if_cancelled()
        self._refuse_if_closed()
        if not values:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return ()
        return await self._commit(_Job(values))

    # Consumers

    def acknowledge(self, consumer: str, row: int) -> None:
        """Note that this consumer has dealt with everything up to this row.

        A cursor never goes back.  It is written with the next records; by
        :meth:`keep_cursors`, if none come; or when the journal is closed.  What a killed
        program had not written is delivered again.

        Raises:
            KXTValidationError: there is no such row yet.
            trio.ClosedResourceError: the journal is closed.
        """
        self._refuse_if_closed()
        if row > self.last_row:
            raise KXTValidationError(f"row {row} is not recorded and cannot be acknowledged")
        if row > self._cursors.get(consumer, -1):
            if not self._unsaved:
                self._unsaved_since = trio.current_time()
            self._cursors[consumer] = self._unsaved[consumer] = row
            self._acknowledged.set()

    def cursor(self, consumer: str) -> int | None:
        """Return the last row that this consumer acknowledged; None for a new one."""
        return self._cursors.get(consumer)

    async def save_cursors(self) -> None:
        """Write what was acknowledged.

        Cancelled means that it is written all the same, in its turn.  A failure is logged;
        what was acknowledged is then written with the next records.
        """
        async with self._turn:
            unsaved, self._unsaved = self._unsaved, {}
            if not unsaved or self._is_closed:
                return
            try:
                await _run(self._writes, partial(self._file.write, (), unsaved))
            except KXTJournalError as exc:
                _log.info("not acknowledged, to be delivered again: %s", exc)
                self._unsaved = {**unsaved, **self._unsaved}
            except trio.Cancelled:  # perhaps before it began; twice does no harm
                self._unsaved = {**unsaved, **self._unsaved}
                raise

    async def keep_cursors(self) -> None:
        """Write what was acknowledged when no records come to write it with; never returns."""
        while True:
            await self._acknowledged.wait()
            await _sleep_past(lambda: self._unsaved_since + _ACKNOWLEDGE_WITHIN)
            self._acknowledged = trio.Event()
            await self.save_cursors()

    async def keep_log_short(self) -> None:
        """Empty the file's log in pauses; never returns.

        It takes a few milliseconds.  A fill hardly ever has to wait for that then; SQLite by
        itself would do it in the midst of a commit.
        """
        while True:
            await self._written.wait()
            await _sleep_past(lambda: self._written_at + _PAUSE)
            self._written = trio.Event()
            async with self._turn:
                if self._is_closed:
                    return
                try:
                    await _run(self._writes, self._file.empty_log)
                except KXTJournalError as exc:
                    _log.info("the journal's log stays as it is: %s", exc)

    # Reading

    async def read(self, *, after: int, limit: int = 256) -> tuple[JournalRecord, ...]:
        """Return the records after this row, oldest first: for who cannot keep up.

        Does not wait for the writer.

        Raises:
            KXTJournalError: the journal cannot be read, or a row is not what was written.
        """
        return await self._read(partial(self.read_nowait, after=after, limit=limit))

    def read_nowait(self, *, after: int, limit: int) -> tuple[JournalRecord, ...]:
        """As :meth:`read`, on the spot: blocks for as long as the disk takes."""
        self._refuse_if_closed()
        accounts = dict(self._accounts)
        rows = self._reader.read(after, limit)
        return tuple(JournalRecord.from_values(row, values, accounts) for row, values in rows)

    async def load(
        self, take: Callable[[JournalRecord], _T], *, since: date = date.min
    ) -> list[_T]:
        """Return what ``take`` makes of all records, oldest first: for the ledger to go on.

        Events are the user's and left out; :meth:`read` has them.

        Args:
            take: Called with each record, in the thread that reads.
            since: First trade date that is still of interest.

        Raises:
            KXTJournalError: the journal cannot be read, or a row is not what was written.
        """
        taken: list[_T] = []

        def read(after: int) -> list[Row]:
            rows = self._reader.read_since(since, after, _CHUNK)
            taken.extend(take(JournalRecord.from_values(*row, None)) for row in rows)
            return rows

        after = 0
        while rows := await self._read(partial(read, after)):
            after = rows[-1][0]
        return taken

    async def settled_day(self) -> date:
        """Return the day up to which all is settled; it is the first of interest.

        ``date.min`` if all is of interest.

        Raises:
            KXTJournalError: the journal cannot be read.
        """
        return await self._read(self._reader.settled_day)

    # The account

    async def enrol(self, account_id: str, environment: str, app_key: str) -> str:
        """Say whose journal it is; return the tag that stands for the account in it.

        It is :func:`~kxt_trio.reconcile.account_tags.account_tag`, unless the journal knew
        the account already, under the tag of an earlier app key: then it is that one.
        Events of the account are read with its number in its place.

        Raises:
            KXTJournalError: it is the journal of another account or another environment;
                or it cannot be read or written.
        """
        for tag, known in self._accounts.items():
            if known == account_id:
                await trio.lowlevel.checkpoint()
                return tag
        tag = account_tag(account_id, app_key)
        self._refuse_if_closed()
        tag = await _run(self._writes, partial(self._file.enrol, account_id, environment, tag))
        self._accounts[tag] = account_id
        return tag

    def give_up_at(self, deadline: float) -> None:
        """Wait for the disk no longer than that, by trio's clock: whose journal it is ends."""
        self._give_up_at = deadline
        for scope in self._waiting:
            scope.deadline = min(scope.deadline, deadline)

    async def aclose(self) -> None:  # noqa: ASYNC910  # the offload checkpoints
        """Write what was acknowledged, close the file and let others have it.

        Not an error if it is closed.  Everything recorded is on disk already, so a failure
        is logged and no more; what takes too long is done by itself, unless the program
        ends first.
        """
        self._is_closed = True
        unsaved, self._unsaved = self._unsaved, {}
        with self._patience(_CLOSE_BOUND) as scope:
            for offload, close in (
                # Whoever closes last puts the log into the file, which a reader cannot.
                (self._reads, self._reader.close),
                (self._writes, partial(self._close_file, unsaved)),
            ):
                try:
                    await _run(offload, close)
                except KXTJournalError as exc:
                    _log.warning("the journal was not closed in order: %s", exc)
        if scope.cancelled_caught:
            self._reads.leave(self._reader.close)
            self._writes.leave(partial(self._close_file, unsaved))
        self._reads.end()
        self._writes.end()

    def _close_file(self, unsaved: Mapping[str, int]) -> None:
        try:
            if unsaved:
                self._file.write((), unsaved)
        finally:
            self._file.close()

    async def _read(self, read: Callable[[], _T]) -> _T:
        self._refuse_if_closed()
        return await _run(self._reads, read)

    async def _commit(self, job: _Job) -> tuple[int, ...]:
        """Have the job written, with whatever else waits; by the first who gets his turn."""
        self._jobs.append(job)
        with self._patience(_TURN_BOUND):
            async with self._turn:
                if job.rows is None:
                    await self._write()
        if job.rows is None:
            raise KXTJournalError("journal: the disk does not answer")
        return job.rows

    @contextmanager
    def _patience(self, bound: float) -> Generator[trio.CancelScope]:
        """Shield what is done inside, for so long, and no longer than is to be waited."""
        deadline = min(self._give_up_at, trio.current_time() + bound)
        scope = trio.CancelScope(deadline=deadline, shield=True)
        self._waiting.add(scope)
        try:
            with scope:
                yield scope
        finally:
            self._waiting.discard(scope)

    async def _write(self) -> None:
        jobs, self._jobs = self._jobs, []
        self._refuse_if_failed()
        batch = [values for job in jobs for values in job.values]
        unsaved, self._unsaved = self._unsaved, {}
        # Stands until the write has returned, whichever way it fails.
        self._failure = KXTJournalError("a write to the journal broke off")
        try:
            row = await _run(self._writes, partial(self._file.write, batch, unsaved))
        except KXTJournalError as exc:
            self._failure = exc
            self._unsaved = {**unsaved, **self._unsaved}
            raise
        self._failure = None
        self._written_at = trio.current_time()
        self._written.set()
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


async def _sleep_past(moment: Callable[[], float]) -> None:
    """Sleep until a moment that may be put off meanwhile."""
    await trio.lowlevel.checkpoint()
    while trio.current_time() < (until := moment()):  # noqa: ASYNC110  # nothing tells of it
        await trio.sleep_until(until)
