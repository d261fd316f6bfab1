"""A fill stream that lives off a journal.

Every fill is on disk before it is delivered here, so a consumer that cannot keep up
loses nothing: what does not fit the buffer is read back from the journal, in order.  And
one that starts again begins behind the last fill it had acknowledged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any

import trio

from .models import AccountSummary, FillEvent
from .reconcile.journal import Journal
from .status import SessionStatus
from .stream import FillStream, Offered, Outlet

__all__ = ["JournaledFillStream", "JournaledOutlet"]

_CHUNK = 256

#: So many fills may be taken in a row before the journal is told.
_UNACKNOWLEDGED = 64

_LAST_WORD = 1.0


class JournaledOutlet(Outlet[tuple[int, FillEvent]]):
    """Buffers fills with their rows; a full buffer makes the stream lag, not fail."""

    def __init__(self, account: AccountSummary, buffer_size: int) -> None:
        super().__init__(account, buffer_size)
        #: Whether rows are in the journal that did not go into the buffer.
        self.lagging: bool = True
        #: The last row there is for this stream.
        self.last_row: int = 0

    def offer(self, event: Offered, row: int | None = None) -> None:  # noqa: D102
        if self.closed or row is None or not isinstance(event, FillEvent):
            return
        if self.covers(event):
            self.last_row = row
            self.received += 1
            if not self.lagging:
                try:
                    self.send.send_nowait((row, event))
                except trio.WouldBlock:
                    self.lagging = True


class JournaledFillStream(FillStream):
    """A :class:`~kxt_trio.FillStream` with a memory.

    Asking for the next fill acknowledges the one before.  While fills wait, the journal
    is told every 64 of them; when none waits, at once.  What was not acknowledged is
    delivered again by the next stream of this consumer: at least once, and exactly once
    for a consumer that knows ``fill_id``.
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
        self._backlog: deque[tuple[int, FillEvent]] = deque()
        self._scanned: int | None = None  # rows up to here are delivered or in the backlog
        self._taken = 0
        self._unacknowledged = 0

    async def receive(self) -> FillEvent:
        """Return the next fill, acknowledging the one before.

        Otherwise as :meth:`FillStream.receive() <kxt_trio.FillStream.receive>`.

        Raises:
            KXTJournalError: the journal cannot be read or written.
        """
        await self._fill_backlog()
        if not self._backlog:
            await self._acknowledge()
            self._backlog.append(await self._receive_buffered())
        return self._take()

    def receive_nowait(self) -> FillEvent:
        """Return the next fill if there is one at hand; see :meth:`receive`.

        Raises:
            trio.WouldBlock: there is none, or it has to be read from the journal first.
        """
        if not self._backlog:
            if self._scanned is None:
                self._raise_if_closed()
                raise trio.WouldBlock
            self._backlog.append(self._receive_buffered_nowait())
        return self._take()

    def _take(self) -> FillEvent:
        self._taken, fill = self._backlog.popleft()
        self._unacknowledged += 1
        self._count_delivered()
        return fill

    async def _fill_backlog(self) -> None:
        """Have what the buffer could not take, once it is empty."""
        await trio.lowlevel.checkpoint()
        if self._unacknowledged >= _UNACKNOWLEDGED:
            await self._acknowledge()
        if self._scanned is None:
            await self._begin()
        while not self._backlog and self._lane.lagging:
            try:
                self._backlog.append(self._receive_buffered_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                await self._read_back()

    async def _begin(self) -> None:
        row = await self._journal.cursor(self._consumer)
        if row is None:  # a consumer nobody knows begins with what comes
            row = self._journal.last_row
            await self._journal.acknowledge(self._consumer, row)
        self._scanned = self._taken = row

    async def _read_back(self) -> None:
        assert self._scanned is not None
        start = max(self._scanned, self._taken)
        records = await self._journal.read(after=start, limit=_CHUNK)
        for record in records:
            if isinstance(record.event, FillEvent) and self._lane.covers(record.event):
                self._backlog.append((record.row, record.event))
        self._scanned = records[-1].row if records else start
        if not records and self._scanned >= self._lane.last_row:
            self._lane.lagging = False

    async def _acknowledge(self) -> None:
        if self._unacknowledged:
            await self._journal.acknowledge(self._consumer, self._taken)
            self._unacknowledged = 0

    async def aclose(self) -> None:
        """Acknowledge what was taken before the last fill, and close."""
        await super().aclose()
