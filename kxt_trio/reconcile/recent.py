"""What was counted of one order lately, and when.

An order can have thousands of fills in a second.  What is kept of them does not grow with
their number but with the time they take: all that came within a quarter of a second is
one span.  Of a moment within a span nothing is said: an answer that would have to know
proves nothing then, and a later one does.
"""

from __future__ import annotations

import math

import attrs

from .facts import Amount
from .totals import Totals

__all__ = ["Recent"]

#: Seconds.
_SPAN = 0.25

#: Of an order that trades without a pause so many spans are remembered, or half.
_MOST = 256


@attrs.define(eq=False, repr=False)
class _Span:
    """Notices that came close together: from when, until when, their shares, their won."""

    since: float
    until: float
    quantity: int
    amount: Amount


@attrs.define(eq=False, repr=False)
class Recent:
    """The notices counted since the last agreement, or the latest of them.

    Attributes:
        known_since: Of a moment not after this, notices may be missing; monotonic.
    """

    known_since: float = -math.inf
    _spans: list[_Span] = attrs.field(factory=list[_Span])

    def add(self, received_at: float, quantity: int, amount: Amount) -> None:
        """Count a notice; none is older than the one before."""
        spans = self._spans
        if spans and received_at - spans[-1].since < _SPAN:
            last = spans[-1]
            last.until = received_at
            last.quantity += quantity
            last.amount += amount
            return
        spans.append(_Span(received_at, received_at, quantity, amount))
        if len(spans) > _MOST:
            self.lack(spans[_MOST // 2 - 1].until)
            del spans[: _MOST // 2]

    def since(self, at: float) -> Totals | None:
        """What was received then or later; None if that is not known."""
        if at <= self.known_since:
            return None
        quantity: int = 0
        amount: Amount = 0
        for span in reversed(self._spans):
            if span.until < at:
                break
            if span.since < at:
                return None
            quantity += span.quantity
            amount += span.amount
        return Totals(quantity, amount)

    def forget(self, before: float) -> None:
        """Nobody will ask about a moment so early; drop all, once all is."""
        if self._spans and self._spans[-1].until < before:
            self.lack(self._spans[-1].until)
            self._spans.clear()

    def lack(self, until: float) -> None:
        """Notices received until then are not told of here."""
        self.known_since = max(self.known_since, until)
