"""A fill stream that lives off a journal.

Every fill is on disk before it is delivered here, so a consumer that cannot keep up
loses nothing: what does not fit the buffer is read back from the journal, in order.  And
one that starts again begins behind the last fill it had acknowledged.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

import attrs
import trio

from .errors import KXTJournalError
from .models import AccountSummary, FillEvent
from .status import SessionStatus, StreamStatistics
from .stream import FillStream, Offered, Outlet

if TYPE_CHECKING:
    from .reconcile.journal import Journal

__all__ = ["JournaledFillStream", "JournaledOutlet"]

_log = logging.getLogger("kxt_trio")

#: Records read back at a time.
_CHUNK = 256

#: So many fills may be taken in a row before the journal is told.
_UNACKNOWLEDGED = 64

#: Bound of telling the journal when the stream is closed.
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
        if not self.covers(event):
            return
        self.last_row = row
        self._count()
        if not self.lagging:
            try:
                self.send.send_nowait((row, event))
            except trio.WouldBlock:
                self.lagging = True


class JournaledFillStream(FillStream):
    """A :class:`~kxt_trio.FillStream` with a memory.

    Asking for the next fill acknowledges the one before.  The journal is told when no
    fill waits, and every 64 fills while some do, and when the stream is closed.  What it
    was not told of is delivered again to the next stream of this consumer: at least once,
    and exactly once for a consumer that knows ``fill_id``.  The last fill taken is among
    them, unless another was asked for.

    Several tasks may receive, but whichever asks acknowledges what all have taken.
    ``receive_nowait`` gives what is in memory; only ``receive`` reads the journal.
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
        self._first_row = journal.last_row
        self._turn = trio.Lock()  # of the tasks that receive
        self._backlog: deque[tuple[int, FillEvent]] = deque()
        self._reached: int | None = None  # rows up to here are taken or in the backlog
        self._taken = 0  # row of the last fill taken
        self._settled = 0  # row of the last fill that its taker is done with
        self._acknowledged = 0
        self._unacknowledged = 0
        if outlet.closed:  # it failed on arrival: nothing to deliver
            self._reached = self._first_row
            outlet.lagging = False

    async def wait_live(self) -> None:  # noqa: D102  # as the stream without a journal
        await super().wait_live()
        await self._begin()

    async def wait_verified(self) -> None:  # noqa: D102  # as the stream without a journal
        await super().wait_verified()
        await self._begin()

    async def _next(self) -> FillEvent:
        async with self._turn:
            self._settled = self._taken
            await self._begin()
            if self._unacknowledged >= _UNACKNOWLEDGED:
                await self._try_to_acknowledge()
            while not self._backlog:
                if self._take_from_buffer():
                    continue
                if self._lane.lagging:
                    await self._read_back()
                else:
                    await self._try_to_acknowledge()
                    self._keep(*await self._lane.buffer.receive())
            return self._take()

    def _next_nowait(self) -> FillEvent:
        if self._reached is None:
            raise trio.WouldBlock
        self._settled = self._taken
        while not self._backlog:
            if not self._take_from_buffer():
                raise trio.WouldBlock
        return self._take()

    def _take(self) -> FillEvent:
        self._taken, fill = self._backlog.popleft()
        self._unacknowledged += 1
        return fill

    def _take_from_buffer(self) -> bool:
        try:
            row, fill = self._lane.buffer.receive_nowait()
        except trio.WouldBlock:
            return False
        except trio.EndOfChannel:
            if self._lane.lagging:
                return False
            raise
        self._keep(row, fill)
        return True

    def _keep(self, row: int, fill: FillEvent) -> None:
        # A row can be read back before it is offered.
        if self._reached is None or row > self._reached:
            self._reached = row
            self._backlog.append((row, fill))

    async def _begin(self) -> None:  # noqa: ASYNC910  # its callers have checkpointed
        """Find where this consumer goes on; from now on the journal knows it."""
        if self._reached is not None:
            return  # noqa: ASYNC910
        try:
            row = await self._journal.cursor(self._consumer)
            if row is None:  # a consumer nobody knows begins with what comes
                row = self._first_row
                await self._journal.acknowledge(self._consumer, row)
        except trio.ClosedResourceError:
            raise trio.EndOfChannel from None  # the client was left
        if self._reached is None:  # nobody else has begun meanwhile
            self._reached = self._taken = self._settled = self._acknowledged = row

    async def _read_back(self) -> None:
        """Take from the journal what the buffer could not hold."""
        start = self._reached or 0
        try:
            records = await self._journal.read(after=start, limit=_CHUNK)
        except trio.ClosedResourceError:
            self._lane.lagging = False
            raise trio.EndOfChannel from None  # the client was left; the rest waits there
        for record in records:
            if isinstance(record.event, FillEvent) and self._lane.covers(record.event):
                self._keep(record.row, record.event)
                self._lane.received += record.row <= self._first_row
        if records:
            self._reached = records[-1].row
        elif start >= self._lane.last_row:
            self._lane.lagging = False

    async def _acknowledge(self) -> None:  # noqa: ASYNC910  # its caller has checkpointed
        self._unacknowledged = 0
        row = self._settled
        if row > self._acknowledged:
            await self._journal.acknowledge(self._consumer, row)
            self._acknowledged = row

    async def _try_to_acknowledge(self) -> None:  # noqa: ASYNC910  # as above
        """Tell the journal; if it cannot be told, what is committed is delivered still."""
        try:
            await self._acknowledge()
        except (KXTJournalError, trio.ClosedResourceError) as exc:
            _log.info("not acknowledged, to be delivered again: %s", exc)

    def statistics(self) -> StreamStatistics:  # noqa: D102
        found = super().statistics()
        return attrs.evolve(found, buffered=found.buffered + len(self._backlog))

    async def aclose(self) -> None:
        """Tell the journal what was acknowledged, and close."""
        await self._say_last_word()
        await super().aclose()

    async def __aexit__(  # noqa: ASYNC910  # as the stream without a journal
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Tell the journal what was acknowledged; otherwise as without a journal."""
        await self._say_last_word()  # noqa: ASYNC102  # shielded and bounded
        await super().__aexit__(exc_type, exc, traceback)  # noqa: ASYNC102  # does not wait

    async def _say_last_word(self) -> None:  # noqa: ASYNC910  # mostly there is nothing to tell
        if self._closed or self._settled <= self._acknowledged:
            return  # noqa: ASYNC910
        with trio.move_on_after(_LAST_WORD, shield=True):
            await self._try_to_acknowledge()
