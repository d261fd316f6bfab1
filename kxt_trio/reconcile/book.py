"""All tallies, by day, and their way into a journal and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import attrs

from kxt_trio.models import FillOrigin

from .day import Day
from .facts import OrderKey, kst_midnight
from .findings import Balance, Began, Correct, Deliver, Record, Verified
from .tally import Tally

__all__ = ["Book"]

#: Doubt from before this program began.
_ALWAYS = float("-inf")

#: The broker's inquiry goes back three months.
_REACH = timedelta(days=90)


@attrs.define(eq=False, repr=False)
class Book:
    """The days of one account.

    Attributes:
        days: By trade date.
        based: What was filled before the first start is known, or is to be delivered.
        first_date: Orders of this date and before may have begun before the first start.
        verified_through: Every day before this one is settled, and reviewed.
    """

    based: bool
    days: dict[date, Day] = attrs.field(factory=dict[date, Day])
    first_date: date = date.min
    verified_through: date | None = None
    _walls: dict[OrderKey, float] = attrs.field(factory=dict[OrderKey, float])

    def day(self, trade_date: date) -> Day:
        """The day, begun if need be."""
        day = self.days.get(trade_date)
        if day is None:
            day = self.days[trade_date] = Day()
        return day

    def find(self, order: OrderKey) -> Tally | None:
        """The order's tally, if it has one."""
        day = self.days.get(order.trade_date)
        return None if day is None else day.tallies.get(order.text)

    def tally(self, order: OrderKey) -> Tally:
        """The order's tally, begun if need be."""
        day = self.days.get(order.trade_date)
        if day is None:
            day = self.day(order.trade_date)
        tally = day.tallies.get(order.text)
        if tally is None:
            provisional = not self.based and order.trade_date <= self.first_date
            tally = day.tallies[order.text] = Tally(order, provisional)
            day.note(tally)
        return tally

    def tallies(self) -> Iterator[Tally]:
        """Every order."""
        for day in self.days.values():
            yield from day.tallies.values()

    def note(self, tally: Tally) -> bool:
        """Sort in an order that has changed; say whether it is newly in question."""
        return self.day(tally.order.trade_date).note(tally)

    def unresolved(self) -> Iterator[Tally]:
        """The orders about which something waits for an answer."""
        for day in self.days.values():
            yield from day.unresolved.values()

    def doubt(self, trade_date: date, at: float) -> None:
        """Fills of this day may have been missed until now."""
        self.day(trade_date).doubt(at)

    def doubt_gap(self, today: date, at: float) -> None:
        """Fills may have been missed on every day since the last one settled."""
        start = min(self.verified_through or min(self.days, default=today), today)
        for ago in range((today - start).days + 1):
            self.day(today - timedelta(days=ago))
        for trade_date, known in self.days.items():
            if known.doubtful_since is not None or trade_date >= start:
                known.doubt(at)
                if not known.given_up:
                    known.answered()

    def abandon(self, today: date) -> date | None:
        """Let go of what the broker no longer tells of; return the first day lost."""
        oldest = today - _REACH
        first = self.verified_through or min(self.days, default=today)
        lost = min([first, *self.doubtful()])
        if lost >= oldest:
            return None
        self.days = {day: known for day, known in self.days.items() if day >= oldest}
        self.verified_through = max(self.verified_through or oldest, oldest)
        return lost

    def in_doubt(self, tally: Tally, rest_lag: float) -> bool:
        """Whether an answer is still to tell what was missed of the order."""
        since = self.day(tally.order.trade_date).doubtful_since
        return tally.unresolved or (since is not None and tally.verified_at < since + rest_lag)

    def blocked(self, since: float) -> bool:
        """Whether something is not known yet, or an order not confirmed since then."""
        for day in self.days.values():
            if day.given_up:
                continue
            if day.doubtful_since is not None:
                return True
            for tally in day.unresolved.values():
                if tally.provisional or tally.held or tally.verified_at < since:
                    return True
        return False

    def doubtful(self) -> list[date]:
        """The days in doubt, oldest first."""
        return sorted(
            trade_date
            for trade_date, day in self.days.items()
            if day.doubtful_since is not None
        )

    def reviews(self) -> dict[date, float]:
        """The settled days that are to be looked at once more, and when."""
        return {
            trade_date: day.review_at
            for trade_date, day in self.days.items()
            if day.review_at is not None
        }

    def since(self, tally: Tally) -> float:
        """The wall time before which nothing of this order can have been missed."""
        if tally.verified_wall is not None:
            return tally.verified_wall
        listed = self.day(tally.order.trade_date).verified_wall
        begin = kst_midnight(tally.order.trade_date)
        return begin if listed is None else max(begin, listed)

    def forget(self, before: date) -> None:
        """Drop the days before this one that leave nothing to ask."""
        if not self.days or min(self.days) >= before:
            return
        self.days = {
            trade_date: day
            for trade_date, day in self.days.items()
            if not day.forgettable(trade_date, before)
        }

    def load(self, records: Iterable[Record]) -> None:
        """Count what was recorded; every day not verified afterwards is in doubt."""
        self._load(records)
        for tally in self.tallies():
            self.note(tally)

    def _load(self, records: Iterable[Record]) -> None:
        for record in records:
            if isinstance(record, Verified):
                self.settled(record)
                if not record.reviewed:
                    self.doubt(record.trade_date, _ALWAYS)
                self.based = True
                continue
            if isinstance(record, Began):
                self.first_date = record.trade_date
                self.doubt(record.trade_date, _ALWAYS)
                continue
            order = record.order
            day = self.day(order.trade_date)
            day.doubt(_ALWAYS)
            tally = self.tally(order)
            tally.add(record.quantity, record.amount)
            tally.revision = record.revision
            if record.fence is not None:
                tally.fence = record.fence
            tally.provisional = not isinstance(record, Correct) and record.provisional
            wall = record.received_wall
            if (
                wall is not None
                and not isinstance(record, Correct)
                and not (isinstance(record, Deliver) and record.origin is FillOrigin.RECOVERED)
            ):
                self._walls[order] = wall

    def settled(self, verified: Verified) -> None:
        """Every order of the day agrees with the broker."""
        trade_date = verified.trade_date
        day = self.day(trade_date)
        day.doubtful_since = None
        day.verified_wall = verified.as_of
        if verified.reviewed:
            day.reviewed = True
            self._pass_reviewed()

    def _pass_reviewed(self) -> None:
        """Every day before the one that is verified through has to be reviewed itself."""
        day = self.verified_through or min(self.days)
        if day not in self.days:  # forgotten since
            day += timedelta(days=1)
        while (known := self.days.get(day)) is not None and known.reviewed:
            self.verified_through = day
            day += timedelta(days=1)

    def export(self, offset: float) -> Iterator[Record]:
        """Everything counted as few records; ``offset`` is wall less monotonic time."""
        if self.first_date != date.min:
            yield Began(trade_date=self.verified_through or self.first_date)
        for tally in self.tallies():
            if tally.quantity == 0 and tally.amount == 0 and not tally.revision:
                continue
            wall = tally.last_notice + offset
            yield Balance(
                order=tally.order,
                quantity=tally.quantity,
                amount=tally.amount,
                fence=tally.fence,
                revision=tally.revision,
                provisional=tally.provisional,
                received_wall=None if wall == _ALWAYS else wall,
            )
        for trade_date in sorted(self.days):
            day = self.days[trade_date]
            if day.verified_wall is not None and day.doubtful_since is None:
                yield Verified(
                    trade_date=trade_date, as_of=day.verified_wall, reviewed=day.reviewed
                )

    def resume(self, offset: float) -> None:
        """Put the notices that were loaded on this program's clock."""
        for order, wall in self._walls.items():
            tally = self.tally(order)
            tally.last_notice = max(tally.last_notice, wall - offset)
            tally.recent.lack(tally.last_notice)
        self._walls.clear()
