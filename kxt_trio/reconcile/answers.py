"""The broker's answers, from their arrival until they are acted on."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from datetime import date

import attrs

from .book import Book
from .facts import OrderKey, Snapshot
from .findings import Alarm, AlarmKind, Finding, Verified
from .joined_rows import JoinedRow, join_rows
from .rules import Rules
from .settlement import settle, settle_absent, wall_of_question
from .tally import Tally

__all__ = ["Answers"]

#: Orders that are settled at one go: some hundred take a millisecond.
_PIECE = 300
#: Putting a page's rows together takes as long as settling so many orders.
_JOINED = 20
#: So many orders can be looked at while one is settled.
_GLANCES = 15


@attrs.define(eq=False, repr=False)
class Answers:
    """Holds each answer until it is ripe, then settles every order and day it tells of.

    A long answer is settled in pieces, one at each call of :meth:`act`.  Every order is
    decided on by what is known at that moment, so it does not matter what comes between.

    Attributes:
        acted_on: How many were.
        dropped: How many were not, because no subscription lived from the question
            until they were settled.
        contested: Orders that came into question since the owner last emptied this list.
    """

    book: Book
    rules: Rules
    acted_on: int = 0
    dropped: int = 0
    contested: list[Tally] = attrs.field(factory=list[Tally])
    _waiting: deque[Snapshot] = attrs.field(factory=deque[Snapshot])
    _work: Iterator[Finding | int] | None = None
    _now: float = 0.0

    @property
    def ripe_at(self) -> float:
        """When there is next something to act on; infinite if there is nothing."""
        if self._work is not None:
            return self._now
        if not self._waiting:
            return math.inf
        return self._waiting[0].answered_at + self.rules.stream_lag

    @property
    def settling(self) -> bool:
        """An answer is settled in part."""
        return self._work is not None

    def take(self, snapshot: Snapshot) -> None:
        """Keep an answer until it is ripe."""
        self._waiting.append(snapshot)
        if snapshot.complete and snapshot.order is None:
            for trade_date in snapshot.trade_dates:
                day = self.book.day(trade_date)
                day.pending = True
                day.answered()
                if day.review_at is not None and snapshot.asked_at >= day.review_at:
                    day.review_at = None
                    day.review_asked_at = snapshot.asked_at

    def drop_all(self) -> None:
        """The subscription ended: what waits says nothing reliable any more."""
        self.dropped += len(self._waiting) + (self._work is not None)
        self._waiting.clear()
        self._work = None
        for day in self.book.days.values():
            day.pending = False

    def drop(self) -> None:
        """This answer came to a question asked without a subscription."""
        self.dropped += 1

    def act(self, now: float) -> Iterator[Finding]:
        """Act on the answers that are ripe by now, in the order they came; a piece of them."""
        self._now = now
        left = _PIECE
        while True:
            if self._work is None:
                if not self._waiting or not self.rules.ripe(self._waiting[0].answered_at, now):
                    return
                self._work = self._settle(self._waiting.popleft())
            for step in self._work:
                if not isinstance(step, int):
                    yield step
                    continue
                left -= step
                if left <= 0:
                    return
            self._work = None
            self.acted_on += 1

    def adopt(self, snapshot: Snapshot) -> Iterator[Finding]:
        """Begin from the broker's totals, before the first subscription.

        At once: no notice has come and none is on its way.  One that comes all the same,
        of an execution before the answer, is held like any other.
        """
        self._now = snapshot.answered_at
        self.acted_on += 1
        rows: dict[OrderKey, JoinedRow] = {}
        for _ in join_rows(snapshot.pages, rows):
            pass
        for joined in rows.values():
            yield from self._settle_row(joined, snapshot)
        if snapshot.complete and snapshot.order is None:
            self.book.based = True
            for trade_date in snapshot.trade_dates:
                yield self._settled(trade_date, snapshot, math.inf)

    def _settle(self, snapshot: Snapshot) -> Iterator[Finding | int]:
        """Settle what an answer tells of.

        A number marks where one may stop for a moment.  It is the work since the mark
        before, or before the next one, in orders that could be settled instead.
        """
        rows: dict[OrderKey, JoinedRow] = {}
        for _ in join_rows(snapshot.pages, rows):
            yield _JOINED
        for joined in rows.values():
            yield from self._settle_row(joined, snapshot)
            yield 1
        if not snapshot.complete:
            return
        glance = len(rows) // _GLANCES
        yield glance
        for tally in self._asked_about(snapshot):
            if tally.order not in rows:
                yield from settle_absent(self.rules, tally, snapshot.pages[0], now=self._now)
                self._note(tally)
                yield 1
        if snapshot.order is None:
            yield glance
            agree = not any(joined.disagree for joined in rows.values())
            yield from self._settle_days(snapshot, agree=agree)

    def _settle_row(self, joined: JoinedRow, snapshot: Snapshot) -> Iterator[Finding]:
        row, parts = joined.row, joined.parts
        tally = self.book.tally(row.order)
        if tally.parts - parts and not snapshot.complete:
            return  # what its other rows say is not known
        if joined.disagree or parts:
            tally.parts |= parts
            limit = tally.limit
            if joined.disagree or (limit is not None and row.quantity > limit):
                yield from self._disagree(tally)
                return
        else:
            tally.learn(row)
        since = self.book.since(tally)
        yield from settle(self.rules, tally, row, joined.page, now=self._now, since=since)
        self._note(tally)

    def _disagree(self, tally: Tally) -> Iterator[Finding]:
        if not tally.contested:
            yield Alarm(
                kind=AlarmKind.ROWS_DISAGREE,
                order=tally.order,
                detail="the broker's rows of one order do not fit together",
            )
        tally.contested = True
        self._note(tally)

    def _note(self, tally: Tally) -> None:
        if self.book.note(tally):
            self.contested.append(tally)

    def _asked_about(self, snapshot: Snapshot) -> list[Tally]:
        """The known orders that a complete answer would list if they were filled."""
        if snapshot.order is not None:
            tally = self.book.find(snapshot.order)
            return [] if tally is None else [tally]
        return [
            tally
            for trade_date in snapshot.trade_dates
            for tally in self.book.day(trade_date).tallies.values()
        ]

    def _settle_days(self, snapshot: Snapshot, *, agree: bool) -> Iterator[Finding]:
        """All orders of some days were listed: settle the days of which all agree."""
        if self.book.first_date in snapshot.trade_dates:
            self.book.based = True
        for trade_date in snapshot.trade_dates:
            day = self.book.day(trade_date)
            day.pending = False
            if not agree:
                continue
            day.listed_at = asked_at = snapshot.asked_at
            review_asked_at = day.review_asked_at
            if review_asked_at is not None and asked_at >= review_asked_at:
                until = day.confirmed_until(review_asked_at)
                if until is not None:
                    day.review_asked_at = None
                    yield self._settled(trade_date, snapshot, until, reviewed=True)
            since = day.doubtful_since
            if since is None or not self.rules.reaches(asked_at, since):
                continue
            until = day.confirmed_until(since + self.rules.policy.rest_lag)
            if until is not None:
                # Should these totals be older than they may, the next look is not fooled.
                day.review_at = since + self.rules.policy.correct_after
                yield self._settled(trade_date, snapshot, until)

    def _settled(
        self, trade_date: date, snapshot: Snapshot, until: float, *, reviewed: bool = False
    ) -> Verified:
        listed = wall_of_question(snapshot.pages[0]) - self.rules.policy.rest_lag
        as_of = min(listed, until)
        verified = Verified(trade_date=trade_date, as_of=as_of, reviewed=reviewed)
        self.book.settled(verified)
        return verified
