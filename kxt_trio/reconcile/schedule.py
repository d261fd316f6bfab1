"""When the broker is asked, and about what."""

from __future__ import annotations

import math
from datetime import date

import attrs

from .book import Book
from .calendar import Calendar
from .facts import OrderKey, Snapshot
from .findings import NeedSnapshot, Reason
from .rules import LedgerPolicy

__all__ = ["Schedule", "draft"]

_WIDENING = 1.5
#: Questions in no hurry leave this many times as long to others as they take.
_COURTESY = 4


@attrs.define(eq=False, repr=False)
class Schedule:
    """The pace of the questions.

    Something to settle is asked about at once, then every ``settle_interval`` for
    ``settle_for``, then ever more rarely, down to the ``audit_interval`` at which open
    orders are looked at anyway.  No question is asked while there is no subscription:
    what happens between an answer and a subscription would be in neither.

    Other programs of the account call as well, and the broker counts all calls.  While
    nothing is wrong, most of the time is theirs.
    """

    policy: LedgerPolicy
    _due: float = math.inf
    _reason: Reason = Reason.CONNECTED
    _step: float = 0.0
    _settling_since: float = -math.inf
    _pause_at: float = math.inf
    _asked_at: float = -math.inf
    _listed_at: float = -math.inf
    _unhurried_at: float = -math.inf
    _earliest: float = -math.inf
    _finished: dict[OrderKey, float] = attrs.field(factory=dict[OrderKey, float])

    def start(self, at: float) -> None:
        """A subscription begins: forget the pace of the one before."""
        self._asked_at = self._listed_at = at
        self._due = self._pause_at = math.inf
        self._earliest = self._unhurried_at = -math.inf
        self._finished.clear()
        self.settle(at, Reason.CONNECTED)

    def settle(self, at: float, reason: Reason) -> None:
        """Ask for everything at this moment, and quickly from then on until all is resolved."""
        self.want(at, reason)
        self.hurry(at)

    def hurry(self, at: float) -> None:
        """Something is in doubt that was not: the questions come quickly again."""
        self._settling_since = at
        self._step = self.policy.settle_interval

    def want(self, at: float, reason: Reason) -> None:
        """Ask once about everything, at this moment."""
        if at < self._due:
            self._due = at
            self._reason = reason

    def again(self, snapshot: Snapshot) -> None:
        """An answer was incomplete.  Ask for the whole again, more and more rarely."""
        at = max(snapshot.asked_at + self._step, snapshot.answered_at)
        self.want(at, Reason.INCOMPLETE)

    def pause(self, at: float) -> None:
        """Ask now about what is in doubt: an order of it has come to rest."""
        self._pause_at = min(self._pause_at, at)

    def finish(self, order: OrderKey, at: float) -> None:
        """Have it confirmed, from this moment on, that the order is finished."""
        self._finished[order] = at

    def watch(self, at: float) -> None:
        """An order was opened: the first audit is an interval away."""
        self._listed_at = max(self._listed_at, at)

    def asked(self, snapshot: Snapshot, today: date) -> None:
        """A question was answered."""
        asked_at, took = snapshot.asked_at, snapshot.answered_at - snapshot.asked_at
        self._asked_at = max(self._asked_at, asked_at)
        self._earliest = max(self._earliest, snapshot.answered_at + took)
        took = max(took, len(snapshot.pages) * self.policy.pace)
        self._unhurried_at = max(self._unhurried_at, snapshot.answered_at + _COURTESY * took)
        if snapshot.order is None and today not in snapshot.trade_dates:
            return
        if asked_at - self._settling_since >= self.policy.settle_for:
            self._step = min(self._step * _WIDENING, self.policy.audit_interval)
        if asked_at >= self._pause_at:
            self._pause_at = math.inf
        if snapshot.order is not None:
            if self._finished.get(snapshot.order, math.inf) <= asked_at:
                del self._finished[snapshot.order]
            return
        self._listed_at = max(self._listed_at, asked_at)
        self._finished = {order: at for order, at in self._finished.items() if at > asked_at}
        if asked_at >= self._due:
            self._due = math.inf

    @property
    def finished(self) -> OrderKey | None:
        """The one order that looks finished, if it is one."""
        return next(iter(self._finished)) if len(self._finished) == 1 else None

    def next(
        self, *, unresolved: bool, watching: bool, review_at: float, calendar: Calendar
    ) -> tuple[float, Reason] | None:
        """The moment of the next question and its reason; None if there is none to ask."""
        at, reason = self._due, self._reason
        again = max(self._asked_at + self._step, self._settling_since)
        again = max(min(again, self._pause_at), self._earliest)
        if unresolved and again < at:
            at, reason = again, Reason.UNRESOLVED
        if (review := max(review_at, again, self._unhurried_at)) < at:
            at, reason = review, Reason.REVIEW
        if self._finished:
            finished = max(min(self._finished.values()), self._unhurried_at)
            if finished < at:
                at, reason = finished, Reason.FINISHED
        if watching:
            audit = self._listed_at + self.policy.audit_interval
        else:
            audit = self._listed_at + self.policy.idle_audit_interval
            audit = calendar.within(self.policy.idle_audit_hours, audit)
        if (audit := max(audit, self._unhurried_at)) < at:
            at, reason = audit, Reason.AUDIT
        return None if at == math.inf else (at, reason)


def draft(schedule: Schedule, book: Book, calendar: Calendar) -> NeedSnapshot | None:
    """Put the next question: when, and about which days or which one order."""
    today = calendar.today
    doubtful = book.doubtful()
    reviews = book.reviews()
    waiting = {day: known.unresolved for day, known in book.days.items() if known.unresolved}
    planned = schedule.next(
        unresolved=bool(doubtful or waiting),
        watching=bool(book.day(today).open),
        review_at=min(reviews.values(), default=math.inf),
        calendar=calendar,
    )
    if planned is None:
        return None
    at, reason = planned
    if not doubtful:
        order = None
        if reason is Reason.UNRESOLVED and sum(map(len, waiting.values())) == 1:
            ((order,),) = waiting.values()
        elif reason is Reason.FINISHED and not waiting:
            order = schedule.finished
        if order is not None and not book.day(order.trade_date).failures:
            dates: tuple[date, ...] = (order.trade_date,)
            return NeedSnapshot(not_before=at, reason=reason, trade_dates=dates, order=order)
    past = {*doubtful, *waiting, *(day for day, when in reviews.items() if when <= at)}
    past = {day for day in past if day != today and book.day(day).can_be_asked(at)}
    return NeedSnapshot(
        not_before=at, reason=reason, trade_dates=(today, *sorted(past, reverse=True))
    )
