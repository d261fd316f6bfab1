"""The orders in doubt that go on trading, and the moment at which one of them rests."""

from __future__ import annotations

import math

import attrs

from .book import Book
from .rules import LedgerPolicy
from .tally import Tally

__all__ = ["Pauses"]

#: A notice on the edge of the quiet time is in it.
_LATER = 0.01


@attrs.define(eq=False, repr=False)
class Pauses:
    """Watches for the moment at which an answer can tell.

    While notices of an order come more often than every L, no answer about it says
    anything.  After L without one a question asked at once does, whatever comes then.

    Attributes:
        next_at: When to look, monotonic; infinite if nothing is watched.
    """

    book: Book
    policy: LedgerPolicy
    next_at: float = math.inf
    _lively: list[Tally] = attrs.field(factory=list[Tally])

    @property
    def _rest(self) -> float:
        return self.policy.rest_lag + _LATER

    def note(self, tally: Tally) -> None:
        """An order may be in doubt, and a notice of it came lately."""
        if not tally.watched and self.book.in_doubt(tally, self.policy.rest_lag):
            tally.watched = True
            self._lively.append(tally)
            self.next_at = min(self.next_at, tally.last_notice + self._rest)

    def look(self, at: float) -> bool:
        """Say whether an order has come to rest; it is then watched no longer."""
        going_on: list[Tally] = []
        rests = False
        for tally in self._lively:
            in_doubt = self.book.in_doubt(tally, self.policy.rest_lag)
            tally.watched = in_doubt and tally.last_notice + self._rest > at
            if tally.watched:
                going_on.append(tally)
            elif in_doubt:
                rests = True
        self._lively = going_on
        soonest = min((tally.last_notice + self._rest for tally in going_on), default=math.inf)
        # Looking costs as much as there are orders in doubt.
        self.next_at = max(soonest, at + self.policy.settle_interval)
        if soonest == math.inf:
            self.next_at = math.inf
        return rests

    def forget(self) -> None:
        """The link is lost."""
        for tally in self._lively:
            tally.watched = False
        self._lively.clear()
        self.next_at = math.inf
