"""A fill stream that lives off a journal.

Every fill is on disk before it is delivered here, so a consumer that cannot keep up
loses nothing: what does not fit the buffer is read back from the journal, in order.  And
one that starts again begins behind the last fill it had acknowledged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import trio

from .errors import KXTValidationError
from .models import AccountSummary, FillEvent
from .status import SessionStatus, StreamStatistics
from .stream import IN_A_ROW, FillStream, Offered, Outlet

if TYPE_CHECKING:
    from .reconcile.journal import Journal
    from .reconcile.journal_records import JournalRecord

__all__ = ["JournaledFillStream", "JournaledOutlet", "consumer_name"]

_DEFAULT_CONSUMER = "default"

#: Records read back at a time: by a task that waits, and on the spot.
_CHUNK, _CHUNK_NOWAIT = 256, 16


def consumer_name(name: object) -> str:
    """Return a consumer's name; the default's where none is given.

    Raises:
        KXTValidationError: it is no text, blank, or cannot be encoded.
    """
    if name is None:
        return _DEFAULT_CONSUMER
    try:
        if isinstance(name, str) and name.strip() and name.encode():
            return name
    except UnicodeEncodeError:  # half a surrogate pair
        pass
    raise KXTValidationError("a consumer's name is a text that is not blank")


class JournaledOutlet(Outlet[tuple[int, FillEvent]]):
    """Buffers fills with their rows; a full buffer makes the stream read back, not fail."""

    def __init__(self, account: AccountSummary, buffer_size: int) -> None:
        super().__init__(account, buffer_size)
        #: Whether fills came that did not fit; the buffer holds those before them.
        self.overflowed: bool = False
        #: The row of the last fill that came.
        self.last_row: int = 0

    def offer(self, event: Offered, row: int | None = None) -> None:  # noqa: D102
        if self.closed or row is None or not isinstance(event, FillEvent):
            return
        if not self.covers(event):
            return
        self.last_row = row
        self._count()
        if not self.overflowed:
            try:
                self.send.send_nowait((row, event))
            except trio.WouldBlock:
                self.overflowed = True


class JournaledFillStream(FillStream):
    """A :class:`~kxt_trio.FillStream` with a memory.

    Asking for the next fill acknowledges the one before.  That is on disk with the next
    fill that is recorded, or about 50 ms later; when the client is left, in any case.  What
    was not acknowledged, or not on disk when the program was killed, is delivered again to
    the next stream of this consumer: at least once, and exactly once for a consumer that
    knows ``fill_id``.  The last fill taken is among them, unless another was asked for.

    Several tasks may receive, but whichever asks acknowledges what all have taken.
    ``receive_nowait`` reads what has to be read back on the spot, a few fills at a time.
    """

    def __init__(
        self,
        outlet: JournaledOutlet,
        status: SessionStatus,
        detach: Callable[[Outlet[Any]], None],
        *,
        journal: Journal,
        consumer: str,
    ) -> None:
        super().__init__(outlet, status, detach)
        self._lane = outlet
        self._journal = journal
        self._consumer = consumer
        self._turn = trio.Lock()  # of the tasks that wait for the next fill
        self._backlog: deque[tuple[int, FillEvent]] = deque()
        self._first_row = self._read_to = journal.last_row  # the rows before are not offered
        start = journal.cursor(consumer)
        if start is None:  # a consumer nobody knows begins with what comes
            start = self._first_row
        if outlet.closed:  # it failed on arrival: nothing to deliver
            start = self._first_row
        else:
            journal.acknowledge(consumer, start)
        self._reached = start  # rows up to here are taken or in the backlog
        self._taken = self._settled = start  # by its taker; and done with

    async def _next(self) -> FillEvent:
        self._settle()
        if self._in_a_row < IN_A_ROW and not self._turn.locked():
            await trio.lowlevel.checkpoint_if_cancelled()
            try:
                fill = self._from_memory()
            except trio.WouldBlock:
                fill = None
            if fill is not None:
                self._in_a_row += 1
                return fill
        self._in_a_row = 0
        async with self._turn:
            while (fill := await self._from_memory_or_feed()) is None:
                await self._read_back()
            return fill

    def _next_nowait(self) -> FillEvent:
        self._settle()
        if self._turn.locked() and not self._closed:  # another task waits for the next
            raise trio.WouldBlock
        while (fill := self._from_memory()) is None:
            after = self._reached
            try:
                records = self._journal.read_nowait(after=after, limit=_CHUNK_NOWAIT)
            except trio.ClosedResourceError:
                raise trio.EndOfChannel from None  # as in _read_back
            self._keep(after, records)
        return fill

    def _settle(self) -> None:
        if self._taken > self._settled and not self._closed:
            self._settled = self._taken
            try:
                self._journal.acknowledge(self._consumer, self._taken)
            except trio.ClosedResourceError:  # the client was left: it comes again
                return

    def _from_memory(self) -> FillEvent | None:
        """Take the next fill; None if it has to be read back first.

        Raises:
            trio.WouldBlock: there is none yet.
            trio.EndOfChannel: there will be none.
            trio.ClosedResourceError: the stream is closed.
        """
        if self._closed:
            raise trio.ClosedResourceError
        if self._backlog:
            self._taken, fill = self._backlog.popleft()
            return fill
        while self._reached >= self._read_to:
            try:
                row, fill = self._lane.buffer.receive_nowait()
            except (trio.WouldBlock, trio.EndOfChannel):
                if not self._lane.overflowed:
                    raise
                # What comes from now on is buffered again; what came until now is read.
                self._lane.overflowed = False
                self._read_to = self._lane.last_row
                continue
            if row > self._reached:  # else it was read back before it was offered
                self._reached = self._taken = row
                return fill
        return None

    async def _from_memory_or_feed(self) -> FillEvent | None:  # noqa: ASYNC910  # caller did
        """As :meth:`_from_memory`, waiting for it if there is none yet."""
        while True:
            try:
                return self._from_memory()  # noqa: ASYNC910
            except trio.WouldBlock:
                row, fill = await self._lane.buffer.receive()
            if row > self._reached:
                self._reached = self._taken = row
                return fill  # noqa: ASYNC910

    async def _read_back(self) -> None:
        """Take from the journal what the buffer does not hold."""
        after = self._reached
        try:
            records = await self._journal.read(after=after, limit=_CHUNK)
        except trio.ClosedResourceError:
            raise trio.EndOfChannel from None  # the client was left; the rest waits there
        self._keep(after, records)

    def _keep(self, after: int, records: Sequence[JournalRecord]) -> None:
        for record in records:
            if isinstance(record.event, FillEvent) and self._lane.covers(record.event):
                self._backlog.append((record.row, record.event))
                self._lane.received += record.row <= self._first_row
        self._reached = records[-1].row if records else max(after, self._read_to)

    def _close(self) -> None:
        self._backlog.clear()
        super()._close()

    def statistics(self) -> StreamStatistics:  # noqa: D102
        found = super().statistics()
        return attrs.evolve(found, buffered=found.buffered + len(self._backlog))
