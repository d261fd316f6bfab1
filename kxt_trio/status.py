"""What a session knows about itself, as its streams report it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

from .transport.websocket import Link
from .watched import Watched

__all__ = ["Gap", "SessionStatus", "StreamState", "StreamStatistics"]


class StreamState(StrEnum):
    """Where a stream is in its life."""

    #: Not subscribed yet.
    CONNECTING = "connecting"
    #: Subscribed: what is executed now will be seen.
    LIVE = "live"
    #: The link was lost and is being restored: what is executed now is not seen.
    RECONNECTING = "reconnecting"
    #: Given up; :meth:`~kxt_trio.FillStream.receive` says why.
    FAILED = "failed"
    #: Closed by its user, or its client was left.
    CLOSED = "closed"


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


class SessionStatus:
    """Written by the session, read by its streams."""

    def __init__(self) -> None:
        self.state: Watched[StreamState] = Watched(StreamState.CONNECTING)
        self.reconnects: int = 0
        self.gaps: list[Gap] = []
        self.unreadable: int = 0
        self.last_unreadable: str | None = None
        self.link: Link | None = None
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
