"""What a session knows about itself, as its streams report it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

from .watched import Watched

if TYPE_CHECKING:
    from .reconcile.auditor import Auditor
    from .transport.websocket import Link

__all__ = ["SUBSCRIBED", "Gap", "SessionStatus", "StreamState", "StreamStatistics"]


class StreamState(StrEnum):
    """Where a stream is in its life."""

    #: Not subscribed yet.
    CONNECTING = "connecting"
    #: Subscribed: what is executed now will be seen.  What was executed before is being
    #: held against the broker's totals.
    RECONCILING = "reconciling"
    #: Subscribed; and, with an account, everything before is accounted for.
    LIVE = "live"
    #: The link was lost and is being restored: what is executed now is not seen.
    RECONNECTING = "reconnecting"
    #: Given up; :meth:`~kxt_trio.FillStream.receive` says why.
    FAILED = "failed"
    #: Closed by its user, or its client was left.
    CLOSED = "closed"


#: The states in which an execution is seen.
SUBSCRIBED = frozenset({StreamState.RECONCILING, StreamState.LIVE})


@attrs.frozen
class Gap:
    """A time in which executions may have gone unseen.  Wall clock, KST.

    ``start`` is when the lost link was last heard of; ``end`` is when the next
    subscription was acknowledged, None while that is still to come.
    """

    start: datetime
    end: datetime | None = None


@attrs.frozen(kw_only=True)
class StreamStatistics:
    """A stream's figures at one moment.

    Attributes:
        state: Where the stream is in its life.
        buffered: Events received and not yet taken.
        received: Events put into this stream so far.
        delivered: Events taken out of it so far.
        reconnects: How often the link was restored since the stream was made.
        gaps: The times in which executions may have gone unseen, since then.
        unreadable: Notices that could not be read, since then.  Each may be a fill.
        last_unreadable: The shape of the session's last such message: every digit a
            ``9``, every letter an ``a``.
        last_frame_age: Seconds since anything came from the broker; None before that.
        unverified_orders: Orders of which the broker has not confirmed all that was
            counted; None without reconciliation, as are the following.
        days_in_doubt: Days on which orders never heard of may have been filled.
        recovered: Fills that were found in the broker's totals.
        held: Notices that wait now, since recovered fills may contain them already.
        corrections: Times that the totals proved too much or the wrong amount delivered.
        stream_lag: Longest time from an execution to its notice, as reckoned with now.
        clock_offset: Seconds by which the broker's clock is ahead of this machine's.
    """

    state: StreamState
    buffered: int
    received: int
    delivered: int
    reconnects: int
    gaps: tuple[Gap, ...]
    unreadable: int
    last_unreadable: str | None
    last_frame_age: float | None
    unverified_orders: int | None = None
    days_in_doubt: int | None = None
    recovered: int | None = None
    held: int | None = None
    corrections: int | None = None
    stream_lag: float | None = None
    clock_offset: float | None = None


class SessionStatus:
    """Written by the session, read by its streams."""

    def __init__(self, *, is_audited: bool = False) -> None:
        self.is_audited: bool = is_audited
        self.state: Watched[StreamState] = Watched(StreamState.CONNECTING)
        self.reconnects: int = 0
        self.gaps: list[Gap] = []
        self.unreadable: int = 0
        self.last_unreadable: str | None = None
        self.link: Link | None = None
        self.audit: Auditor | None = None
        self._gap_open = False

    @property
    def last_frame_at(self) -> float | None:
        """When the broker was last heard of, on trio's clock."""
        return None if self.link is None else self.link.last_received_at

    def open_gap(self, start: datetime) -> None:
        """Begin a gap."""
        self.gaps.append(Gap(start))
        self._gap_open = True

    def close_gap(self, end: datetime) -> Gap | None:
        """End the open gap and count a reconnect; return the gap, None if there is none."""
        if not self._gap_open:
            return None
        self._gap_open = False
        self.reconnects += 1
        self.gaps[-1] = attrs.evolve(self.gaps[-1], end=end)
        return self.gaps[-1]

    def forget_gap(self) -> None:
        """Nobody waits for the end of the open gap any more."""
        self._gap_open = False
