"""The broker's answers, from their arrival until they are acted on."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from datetime import date
from typing import TypeAlias

import attrs

from .book import Book
from .facts import OrderKey, Page, Snapshot, SnapshotRow
from .findings import Finding, Verified
from .rules import Rules
from .settlement import settle, settle_absent, wall_of_question
from .tally import Tally

__all__ = ["Answers"]

_Rows: TypeAlias = dict[OrderKey, tuple[SnapshotRow, Page]]


@attrs.define(eq=False)
class Answers:
    """Holds each answer until it is ripe, then settles every order and day it tells of.

    Attributes:
        acted_on: How many were.
        dropped: How many were not, because no subscription lived from the question
            until they were ripe.
    """

    book: Book
    rules: Rules
    acted_on: int = 0
    dropped: int = 0
    _waiting: deque[Snapshot] = attrs.field(factory=deque[Snapshot])

    @property
    def ripe_at(self) -> float:
        """When the next answer can be acted on; infinite if none waits."""
        if not self._waiting:
            return math.inf
        return self._waiting[0].answered_at + self.rules.stream_lag

    def take(self, snapshot: Snapshot) -> None:
        """Keep an answer until it is ripe."""
        self._waiting.append(snapshot)
        if snapshot.complete and snapshot.order is None:
            for trade_date in snapshot.trade_dates:
                day = self.book.day(trade_date)
                if day.review_at is not None and snapshot.asked_at >= day.review_at:
                    day.review_at = None
                    day.review_asked_at = snapshot.asked_at

    def drop_all(self) -> None:
        """The subscription ended: what waits says nothing reliable any more."""
        self.dropped += len(self._waiting)
        self._waiting.clear()

    def drop(self) -> None:
        """This answer came to a question asked without a subscription."""
        self.dropped += 1

    def act(self, now: float) -> Iterator[Finding]:
        """Act on the answers that are ripe by now, in the order they came."""
        while self._waiting and self.rules.ripe(self._waiting[0].answered_at, now):
            self.acted_on += 1
            yield from self._settle(self._waiting.popleft(), now)

    def adopt(self, snapshot: Snapshot) -> Iterator[Finding]:
        """Begin from the broker's totals, before the first subscription.

        At once: no notice has come and none is on its way.  One that comes all the same,
        of an execution before the answer, is held like any other.
        """
        self.acted_on += 1
        yield from self._settle_rows(_newest(snapshot), snapshot.answered_at)
        if snapshot.complete and snapshot.order is None:
            self.book.based = True
            for trade_date in snapshot.trade_dates:
                yield self._settled(trade_date, snapshot)

    def _settle(self, snapshot: Snapshot, now: float) -> Iterator[Finding]:
        rows = _newest(snapshot)
        yield from self._settle_rows(rows, now)
        if not snapshot.complete:
            return
        for tally in self._asked_about(snapshot):
            if tally.order not in rows:
                yield from settle_absent(self.rules, tally, snapshot.pages[0], now=now)
        if snapshot.order is None:
            yield from self._settle_days(snapshot)

    def _settle_rows(self, rows: _Rows, now: float) -> Iterator[Finding]:
        for row, page in rows.values():
            tally = self.book.tally(row.order)
            tally.learn(row)
            since = self.book.since(tally)
            yield from settle(self.rules, tally, row, page, now=now, since=since)

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

    def _settle_days(self, snapshot: Snapshot) -> Iterator[Finding]:
        """All orders of some days were listed: settle the days of which all agree.

        Days are settled in their order, so that the last one settled is all that a
        restart needs to know.
        """
        if self.book.first_date in snapshot.trade_dates:
            self.book.based = True
        for trade_date in snapshot.trade_dates:
            day = self.book.day(trade_date)
            day.listed_at = snapshot.asked_at
            if day.reviewed_by(snapshot.asked_at):
                day.review_asked_at = None
                yield self._settled(trade_date, snapshot, reviewed=True)
        for trade_date in self.book.doubtful():
            if not self._agrees(trade_date):
                return
            day = self.book.day(trade_date)
            if day.doubtful_since is not None:
                # Should these totals be older than they may, the next look is not fooled.
                day.review_at = day.doubtful_since + self.rules.policy.correct_after
            yield self._settled(trade_date, snapshot)

    def _agrees(self, trade_date: date) -> bool:
        """Whether every order of the day was confirmed from after the doubt arose."""
        day = self.book.day(trade_date)
        since = -math.inf if day.doubtful_since is None else day.doubtful_since
        return self.rules.reaches(day.listed_at, since) and all(
            not tally.unresolved and self.rules.reaches(tally.verified_at, since)
            for tally in day.tallies.values()
        )

    def _settled(
        self, trade_date: date, snapshot: Snapshot, *, reviewed: bool = False
    ) -> Verified:
        as_of = wall_of_question(snapshot.pages[0]) - self.rules.policy.rest_lag
        verified = Verified(trade_date=trade_date, as_of=as_of, reviewed=reviewed)
        self.book.settled(verified)
        return verified


def _newest(snapshot: Snapshot) -> _Rows:
    """The rows by order; of an order listed twice, as pages shift, the larger totals."""
    rows: _Rows = {}
    for page in snapshot.pages:
        for row in page.rows:
            known = rows.get(row.order)
            if known is None or row.quantity >= known[0].quantity:
                rows[row.order] = (row, page)
    return rows
