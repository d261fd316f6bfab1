"""When the broker is asked."""

from __future__ import annotations

import math
from datetime import date

import attrs

from .book import Book
from .findings import NeedSnapshot, Reason
from .rules import LedgerPolicy

__all__ = ["Schedule", "draft"]

_WIDENING = 1.5


@attrs.define(eq=False)
class Schedule:
    """The pace of the questions.

    Something to settle is asked about at once, then every ``settle_interval`` for
    ``settle_for``, then ever more rarely, down to the ``audit_interval`` at which open
    orders are looked at anyway.  No question is asked while there is no subscription:
    what happens between an answer and a subscription would be in neither.
    """

    policy: LedgerPolicy
    _due: float = math.inf
    _reason: Reason = Reason.CONNECTED
    _step: float = 0.0
    _settling_since: float = -math.inf
    _asked_at: float = -math.inf
    _listed_at: float = -math.inf

    def start(self, at: float) -> None:
        """A subscription begins: forget the pace of the one before."""
        self._asked_at = self._listed_at = at
        self._due = math.inf
        self.settle(at, Reason.CONNECTED)

    def settle(self, at: float, reason: Reason) -> None:
        """Ask at this moment, and quickly from then on until all is resolved."""
        self.want(at, reason)
        self.hurry(at)

    def hurry(self, at: float) -> None:
        """Something is in doubt that was not: the questions come quickly again."""
        self._settling_since = at
        self._step = self.policy.settle_interval

    def want(self, at: float, reason: Reason) -> None:
        """Ask once, at this moment."""
        if at < self._due:
            self._due = at
            self._reason = reason

    def watch(self, at: float) -> None:
        """An order was opened: the first audit is an interval away."""
        self._listed_at = max(self._listed_at, at)

    def asked(self, asked_at: float, *, everything: bool) -> None:
        """A question was asked then, about all orders or one."""
        self._asked_at = max(self._asked_at, asked_at)
        if asked_at - self._settling_since >= self.policy.settle_for:
            self._step = min(self._step * _WIDENING, self.policy.audit_interval)
        if everything:
            self._listed_at = max(self._listed_at, asked_at)
            if asked_at >= self._due:
                self._due = math.inf

    def next(
        self, *, unresolved: bool, watching: bool, review_at: float
    ) -> tuple[float, Reason] | None:
        """The moment of the next question and its reason; None if there is none to ask."""
        at, reason = self._due, self._reason
        again = max(self._asked_at + self._step, self._settling_since)
        if unresolved and again < at:
            at, reason = again, Reason.UNRESOLVED
        if (review := max(review_at, again)) < at:
            at, reason = review, Reason.REVIEW
        if watching and (audit := self._listed_at + self.policy.audit_interval) < at:
            at, reason = audit, Reason.AUDIT
        return None if at == math.inf else (at, reason)


def draft(schedule: Schedule, book: Book, today: date) -> NeedSnapshot | None:
    """Put the next question: when, and about which days or which one order."""
    doubtful = book.doubtful()
    reviews = book.reviews()
    unresolved = [tally.order for tally in book.unresolved()]
    planned = schedule.next(
        unresolved=bool(doubtful or unresolved),
        watching=book.day(today).open,
        review_at=min(reviews.values(), default=math.inf),
    )
    if planned is None:
        return None
    at, reason = planned
    narrow = reason is Reason.UNRESOLVED and not doubtful and len(unresolved) == 1
    dates = {today, *doubtful, *reviews, *(order.trade_date for order in unresolved)}
    return NeedSnapshot(
        not_before=at,
        reason=reason,
        trade_dates=tuple(sorted(dates)),
        order=unresolved[0] if narrow else None,
    )
