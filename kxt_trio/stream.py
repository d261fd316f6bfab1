"""The consumer's end: streams of fills and of order events.

A stream and its session meet in an :class:`Outlet`.  The session holds outlets, never
streams, so a stream that is dropped is gone, and its outlet with it.
"""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any, Generic, TypeAlias, TypeVar

import trio

from .account_filter import AccountFilter
from .errors import KXTError, KXTSlowConsumerError, KXTUnsupportedError
from .models import (
    AccountSummary,
    Correction,
    FillEvent,
    FillNotificationEvent,
    OrderEvent,
    OrderLifecycleEvent,
)
from .status import SUBSCRIBED, SessionStatus, StreamState, StreamStatistics

__all__ = [
    "IN_A_ROW",
    "EventStream",
    "FillOutlet",
    "FillStream",
    "OrderEventStream",
    "OrderOutlet",
    "Outlet",
]

_Event = TypeVar("_Event")

#: So many waiting events may be taken without a turn for other tasks.
IN_A_ROW = 32

#: What a session has to offer.
Offered: TypeAlias = FillEvent | OrderLifecycleEvent | Correction


class Outlet(ABC, Generic[_Event]):
    """The session's end of one stream: a bounded buffer that is never waited for."""

    def __init__(self, account: AccountSummary | None, buffer_size: int) -> None:
        self.account = account
        self.buffer_size = buffer_size
        self.received: int = 0
        self.failure: KXTError | None = None
        #: Whether the consumer has been told of the failure.
        self.told: bool = False
        self.closed: bool = False
        #: Whether an event is of the account that is listened to.
        self.covers: Callable[[Offered], bool] = AccountFilter(account).covers
        self.send: trio.MemorySendChannel[_Event]
        self.buffer: trio.MemoryReceiveChannel[_Event]
        self.send, self.buffer = trio.open_memory_channel[_Event](buffer_size)

    @abstractmethod
    def offer(self, event: Offered, row: int | None = None) -> None:
        """Buffer the event, if it is one for this stream; ``row`` is its journal's.

        A full buffer fails the stream: dropping an event silently is no choice.
        """

    def _put(self, event: _Event) -> None:
        if self.closed:
            return
        try:
            self.send.send_nowait(event)
        except trio.WouldBlock:
            self.fail(
                KXTSlowConsumerError(
                    f"{self.buffer_size} events were waiting and the next one came; the "
                    "stream ended rather than drop it.  Receive faster, or raise "
                    "StreamPolicy.buffer_size"
                )
            )
        else:
            self._count()

    def _count(self) -> None:  # a subclass that adds by itself is ambiguous to pyright
        self.received += 1

    def fail(self, error: KXTError) -> None:
        """End the stream with an error, told after the buffered events."""
        if not self.closed:
            self.failure = error
            self.finish()

    def finish(self) -> None:
        """End the stream; the buffered events can still be received."""
        self.closed = True
        self.send.close()


class FillOutlet(Outlet[FillEvent]):
    """Passes the fills of one account, or of all."""

    def offer(self, event: Offered, row: int | None = None) -> None:  # noqa: D102
        if isinstance(event, FillEvent) and self.covers(event):
            self._put(event)


class OrderOutlet(Outlet[OrderEvent]):
    """Passes every event of one account, or of all."""

    def offer(self, event: Offered, row: int | None = None) -> None:  # noqa: D102
        if self.covers(event):
            self._put(FillNotificationEvent(event) if isinstance(event, FillEvent) else event)


class EventStream(trio.abc.ReceiveChannel[_Event]):
    """What both kinds of stream have in common."""

    def __init__(
        self,
        outlet: Outlet[Any],
        status: SessionStatus,
        detach: Callable[[Outlet[Any]], None],
    ) -> None:
        self._outlet = outlet
        self._status = status
        self._detach = detach
        self._delivered = 0
        self._in_a_row = 0
        self._closed = False
        self._reconnects_before = status.reconnects
        self._gaps_before = len(status.gaps)
        self._unreadable_before = status.unreadable
        # Dropped without aclose(), such as by ``break``: the collector may run in any
        # thread, so all it does is mark the outlet and ask the run to detach it.
        token = trio.lowlevel.current_trio_token()
        weakref.finalize(self, _abandon, outlet, token, detach).atexit = False

    async def receive(self) -> _Event:
        """Return the next event, waiting for it if need be.

        A cancelled ``receive`` has taken nothing.  A cancel is noticed at every call.
        Other tasks get their turn whenever none waits, and after every 32 that did.

        Raises:
            KXTError: the stream failed; raised after every event received before, and
                again at every further call.
            trio.EndOfChannel: the client was left.
            trio.ClosedResourceError: the stream was closed.
        """
        try:
            event = await self._next()
        except trio.EndOfChannel:
            self._raise_failure()
            raise
        self._delivered += 1
        return event

    async def _next(self) -> _Event:
        # A turn of the scheduler costs more than a fill: while some wait, others get
        # theirs after every few.  A cancel is looked for each time.
        buffer: trio.MemoryReceiveChannel[_Event] = self._outlet.buffer
        if self._in_a_row < IN_A_ROW:
            await trio.lowlevel.checkpoint_if_cancelled()
            try:
                event = buffer.receive_nowait()
            except trio.WouldBlock:
                pass
            else:
                self._in_a_row += 1
                return event
        self._in_a_row = 0
        return await buffer.receive()

    def receive_nowait(self) -> _Event:
        """Return the next event if there is one; otherwise as :meth:`receive`.

        Raises:
            trio.WouldBlock: there is none yet.
        """
        try:
            event = self._next_nowait()
        except trio.EndOfChannel:
            self._raise_failure()
            raise
        self._delivered += 1
        return event

    def _next_nowait(self) -> _Event:
        event: _Event = self._outlet.buffer.receive_nowait()
        return event

    def _raise_failure(self) -> None:
        failure = self._outlet.failure
        if failure is not None:
            self._outlet.told = True
            # The same object each time, without the tracebacks of earlier times.
            raise failure.with_traceback(None)

    async def wait_live(self) -> None:
        """Wait until the subscription is acknowledged.

        From then on, until the link is lost, no execution goes unseen.

        Raises:
            KXTError: the stream failed first.
            trio.EndOfChannel: the client was left first.
            trio.ClosedResourceError: the stream was closed.
        """
        await self._wait_for(SUBSCRIBED)

    async def wait_verified(self) -> None:
        """Wait until everything executed before is accounted for.

        That is when the broker's totals and what was delivered agree for the first time
        since the link was opened, and at once if they have.

        Raises:
            KXTUnsupportedError: there is no account to verify, or reconciliation is off.
            KXTError: the stream failed first.
            trio.EndOfChannel: the client was left first.
            trio.ClosedResourceError: the stream was closed.
        """
        if not self._status.is_audited:
            raise KXTUnsupportedError(
                "nothing can be verified: give the client an account_no, and leave "
                "reconciliation enabled"
            )
        await self._wait_for({StreamState.LIVE})

    async def _wait_for(self, states: Collection[StreamState]) -> None:
        await self._status.state.wait(
            lambda state: self._outlet.closed or self._closed or state in states
        )
        if self._closed:
            raise trio.ClosedResourceError
        if self._outlet.closed:
            self._raise_failure()
            raise trio.EndOfChannel

    @property
    def state(self) -> StreamState:
        """Where the stream is in its life."""
        if self._closed:
            return StreamState.CLOSED
        if self._outlet.failure is not None:
            return StreamState.FAILED
        return StreamState.CLOSED if self._outlet.closed else self._status.state.value

    def statistics(self) -> StreamStatistics:
        """Return the stream's figures as they are now."""
        status = self._status
        audit = None if status.audit is None else status.audit.statistics()
        return StreamStatistics(
            state=self.state,
            buffered=self._outlet.buffer.statistics().current_buffer_used,
            received=self._outlet.received,
            delivered=self._delivered,
            reconnects=status.reconnects - self._reconnects_before,
            gaps=tuple(status.gaps[self._gaps_before :]),
            unreadable=status.unreadable - self._unreadable_before,
            last_unreadable=status.last_unreadable,
            last_frame_age=(
                None
                if status.last_frame_at is None
                else trio.current_time() - status.last_frame_at
            ),
            unverified_orders=None if audit is None else audit.unverified_orders,
            days_in_doubt=None if audit is None else audit.days_in_doubt,
            recovered=None if audit is None else audit.recovered,
            held=None if audit is None else audit.held,
            corrections=None if audit is None else audit.corrections,
            stream_lag=None if audit is None else audit.stream_lag,
            clock_offset=None if status.audit is None else status.audit.clock_offset,
        )

    async def aclose(self) -> None:
        """Close the stream; what is buffered is dropped.  The last one out unsubscribes.

        Closing a closed stream does nothing.
        """
        self._close()
        await trio.lowlevel.checkpoint()

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            # In this order: a waiting receive is told of the close, not of an end.
            self._outlet.buffer.close()
            if not self._outlet.closed:
                self._outlet.finish()
            self._detach(self._outlet)

    async def __aexit__(  # noqa: ASYNC910  # the block's own exception goes first
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close; raise a failure that nobody received, or note it on the block's error."""
        self._close()
        outlet = self._outlet
        if outlet.failure is not None and not outlet.told:
            if exc is None:
                self._raise_failure()
            outlet.told = True
            note_failure(exc, outlet.failure)
        if exc is None:
            await trio.lowlevel.checkpoint()  # noqa: ASYNC102  # everything is closed


class FillStream(EventStream[FillEvent]):
    """The fills of an account, one :class:`~kxt_trio.FillEvent` for each execution.

    A :class:`trio.abc.ReceiveChannel`, an async iterator and an async context manager.
    Made by :func:`~kxt_trio.open_fill_stream` and
    :meth:`KISClient.stream_fill_updates() <kxt_trio.KISClient.stream_fill_updates>`.
    Several tasks may receive from one stream; each event goes to one of them.
    """


class OrderEventStream(EventStream[OrderEvent]):
    """Everything that happens to the orders of an account, fills included.

    Otherwise like :class:`~kxt_trio.FillStream`.  Made by
    :func:`~kxt_trio.open_order_event_stream` and
    :meth:`KISClient.stream_order_events() <kxt_trio.KISClient.stream_order_events>`.
    """


def note_failure(exc: BaseException | None, failure: KXTError) -> None:
    """Say on the block's own exception that the stream had failed, too."""
    if isinstance(exc, Exception):
        exc.add_note(f"the stream had failed, too: {type(failure).__name__}: {failure}")


def _abandon(
    outlet: Outlet[Any], token: trio.lowlevel.TrioToken, detach: Callable[[Outlet[Any]], None]
) -> None:
    outlet.closed = True
    try:
        token.run_sync_soon(detach, outlet)
    except trio.RunFinishedError:
        return  # and the session with it
