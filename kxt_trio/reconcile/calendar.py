"""The broker's date, and when the next trading session ends."""

from __future__ import annotations

import math
from datetime import date, timedelta

import attrs

from .facts import kst_date, kst_midnight

__all__ = ["Calendar"]

_DAY = 86_400.0


@attrs.define(eq=False, repr=False)
class Calendar:
    """Keeps the wall time that goes with the monotonic one.

    Attributes:
        session_ends: Seconds after midnight in Korea.
        offset: Wall time less monotonic time.
        today: The date in Korea.
    """

    session_ends: tuple[float, ...]
    offset: float = 0.0
    today: date = date.min
    _begin: float = math.inf
    _turn: float = math.inf

    @property
    def next_turn(self) -> float:
        """The monotonic time at which a session, or the day, ends next."""
        return self._turn - self.offset

    def advance(self, at: float, wall: float) -> list[date]:
        """Take in the time; return the dates of which a session has ended meanwhile.

        A clock that was ahead and is set right leads back to the day that it is.
        """
        self.offset = wall - at
        if self._begin <= wall < self._turn:
            return []
        before, self.today = self.today, kst_date(wall)
        midnight = kst_midnight(self.today)
        ends = [midnight + end for end in (*self.session_ends, _DAY)]
        self._turn = min(end for end in ends if end > wall)
        went_back = wall < self._begin
        self._begin = max(begin for begin in (midnight, *ends) if begin <= wall)
        if before == date.min or (went_back and before == self.today):
            return []
        if before >= self.today:
            return [self.today]
        # Asleep over midnight, perhaps for days: each of them is over, and of today
        # perhaps a session.
        nights = (self.today - before).days
        ended = [before + timedelta(days=night) for night in range(nights)]
        return [*ended, self.today] if wall >= min(ends) else ended

    def wall(self, at: float) -> float:
        """The wall time at this monotonic time."""
        return at + self.offset

    def within(self, hours: tuple[float, float], at: float) -> float:
        """The first moment from this one on that is between these times of a day."""
        begin, end = hours
        passed = self.wall(at) - kst_midnight(kst_date(self.wall(at)))
        if passed < begin:
            return at + begin - passed
        return at if passed < end else at + begin - passed + _DAY
