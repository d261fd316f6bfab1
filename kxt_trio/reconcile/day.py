"""The orders of one trade date, and what is still to be learnt of them."""

from __future__ import annotations

import math
from datetime import date

import attrs

from .facts import OrderKey
from .tally import Tally

__all__ = ["Day"]

_PATIENCE_FIRST, _PATIENCE_MOST, _DOUBLINGS = 60.0, 3_600.0, 6
#: A past day of which so many questions failed is no longer waited for.
_TRIES = 3


@attrs.define(eq=False, repr=False)
class Day:
    """The orders of one trade date.

    Attributes:
        tallies: By the text of the order, which is quicker to look up than the order.
        unresolved: Those about which something waits for an answer.
        open: The orders of which more can be filled.
        doubtful_since: Up to this monotonic moment fills may have been missed; None if
            every order agreed with the broker since.
        review_at: When to look at the settled day once more, monotonic; None once asked.
        review_asked_at: When that was asked, monotonic, while the answer is to come.
        reviewed: It was looked at once more, and agreed, since the last doubt.
        listed_at: When the last complete list of the day's orders was asked for.
        pending: A complete list came and is not acted on yet.
        verified_wall: Executions before this wall time are surely counted, those of
            orders never seen included.
        failures: Questions about it, one after another, that had no complete answer.
        ask_after: Monotonic time until which a past day is left alone after a failure.
    """

    tallies: dict[str, Tally] = attrs.field(factory=dict[str, Tally])
    unresolved: dict[OrderKey, Tally] = attrs.field(factory=dict[OrderKey, Tally])
    open: set[OrderKey] = attrs.field(factory=set[OrderKey])
    doubtful_since: float | None = None
    review_at: float | None = None
    review_asked_at: float | None = None
    reviewed: bool = False
    listed_at: float = -math.inf
    pending: bool = False
    verified_wall: float | None = None
    failures: int = 0
    ask_after: float = -math.inf

    def note(self, tally: Tally) -> bool:
        """Sort in an order that has changed; say whether it is newly in question."""
        order = tally.order
        if tally.open:
            self.open.add(order)
        else:
            self.open.discard(order)
        if not tally.unresolved:
            self.unresolved.pop(order, None)
            return False
        newly = order not in self.unresolved
        self.unresolved[order] = tally
        return newly

    def confirmed_until(self, since: float) -> float | None:
        """The wall time before which every execution of a known order is counted.

        None if there is an order that no answer to a question asked since then confirmed.
        """
        until = math.inf
        for tally in self.tallies.values():
            if tally.disowned:
                continue
            if tally.verified_at < since or tally.provisional or tally.held:
                return None
            if tally.verified_wall is not None and tally.verified_wall < until:
                until = tally.verified_wall
        return until

    def doubt(self, at: float) -> None:
        """Fills may have been missed until now."""
        self.doubtful_since = at
        self.review_at = None
        self.review_asked_at = None
        self.reviewed = False
        self.pending = False

    def fail(self, at: float) -> bool:
        """A question about this past day failed; say whether it is given up for now."""
        doubled = min(self.failures, _DOUBLINGS)
        pause = min(_PATIENCE_FIRST * 2**doubled, _PATIENCE_MOST)
        self.failures += 1
        self.ask_after = at + pause
        return self.failures == _TRIES

    def answered(self) -> None:
        """A complete list came."""
        self.failures = 0
        self.ask_after = -math.inf

    def can_be_asked(self, at: float) -> bool:
        """Whether a past day may be asked about then: no answer waits or has just failed."""
        return not self.pending and at >= self.ask_after

    @property
    def given_up(self) -> bool:
        """Nobody waits for it: the broker was asked in vain too often."""
        return self.failures >= _TRIES

    def forgettable(self, trade_date: date, before: date) -> bool:
        """Old, and nothing left to ask."""
        return (
            trade_date < before
            and self.doubtful_since is None
            and self.reviewed
            and not self.unresolved
        )
