"""What was counted of one order lately, and when.

An order can have thousands of fills in a second.  What is kept of them does not grow with
their number but with the time they take: all that came within a quarter of a second is
one span.  Of a moment within a span nothing is said: an answer that would have to know
proves nothing then, and a later one does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice

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
    """Notices that came close together: since when, until when, shares, won; those before."""

    since: float
    until: float
    quantity: int
    amount: Amount
    before: _Span | None


@attrs.define(eq=False, repr=False)
class Recent:
    """The notices counted since the last agreement, or the latest of them.

    Attributes:
        known_since: Of a moment not after this, notices may be missing; monotonic.
    """

    known_since: float = -math.inf
    _latest: _Span | None = None
    _count: int = 0

    def add(self, received_at: float, quantity: int, amount: Amount) -> None:
        """Count a notice; none is older than the one before."""
        latest = self._latest
        if latest is not None and received_at - latest.since < _SPAN:
            latest.until = received_at
            latest.quantity += quantity
            latest.amount += amount
            return
        self._latest = _Span(received_at, received_at, quantity, amount, latest)
        self._count += 1
        if self._count > _MOST:
            self._cut(_MOST // 2)

    def since(self, at: float) -> Totals | None:
        """What was received then or later; None if that is not known."""
        if at <= self.known_since:
            return None
        quantity: int = 0
        amount: Amount = 0
        for span in self._spans():
            if span.until < at:
                break
            if span.since < at:
                return None
            quantity += span.quantity
            amount += span.amount
        return Totals(quantity, amount)

    def forget(self, before: float) -> None:
        """Nobody will ask about a moment so early; drop all, once all is."""
        if self._latest is not None and self._latest.until < before:
            self.lack(self._latest.until)
            self._latest = None
            self._count = 0

    def lack(self, until: float) -> None:
        """Notices received until then are not told of here."""
        self.known_since = max(self.known_since, until)

    def _spans(self) -> Iterator[_Span]:
        """Every span, the latest first."""
        span = self._latest
        while span is not None:
            yield span
            span = span.before

    def _cut(self, kept: int) -> None:
        """Remember so many spans and none before them."""
        last, lost = islice(self._spans(), kept - 1, kept + 1)
        self.lack(lost.until)
        last.before = None
        self._count = kept
