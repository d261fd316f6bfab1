"""How far the broker's clock is ahead of this machine's, from what the broker says it is."""

from __future__ import annotations

from collections import deque
from datetime import datetime

__all__ = ["BrokerClock"]

_SAYINGS = 64
_JUMP = 5.0


class BrokerClock:
    """Learns from times of whole seconds: PINGPONG and the ``Date`` of HTTP.

    A time said is cut to the second and old on arrival, so the broker's clock is at least
    as far ahead as it seems; of many sayings the greatest is the truest.  A machine whose
    own clock jumps starts anew.
    """

    #: Seconds by which the broker's clock can be further ahead than :attr:`offset`.
    uncertainty: float = 1.0

    def __init__(self) -> None:
        self._sayings: deque[float] = deque(maxlen=_SAYINGS)
        self.offset: float = 0.0

    @property
    def is_heard(self) -> bool:
        """Whether the broker has said anything yet."""
        return bool(self._sayings)

    def heard(self, said: datetime, now: datetime) -> None:
        """Take in that the broker said this time, heard at ``now`` by our own clock."""
        ahead = (said - now).total_seconds()
        if self._sayings and ahead < self.offset - _JUMP:
            self._sayings.clear()
        self._sayings.append(ahead)
        self.offset = max(self._sayings)
