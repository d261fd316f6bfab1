"""The rules, each bent in one place.  A suite that does not notice is no suite."""

from __future__ import annotations

from kxt_trio.reconcile.facts import Notice
from kxt_trio.reconcile.rules import Rules
from kxt_trio.reconcile.tally import Tally

__all__ = ["MUTANTS"]


class NoWait(Rules):
    """Acts on an answer the moment it is there."""

    def ripe(self, answered_at: float, now: float) -> bool:
        return now >= answered_at


class WaitsTooLong(Rules):
    """``<`` for ``<=``: not ripe in the instant that it is."""

    def ripe(self, answered_at: float, now: float) -> bool:
        return now > answered_at + self.stream_lag


class NoQuietTest(Rules):
    """Trusts every difference."""

    def quiet(self, tally: Tally, quantity: int, asked_at: float) -> bool:
        return True


class QuietOnTheEdge(Rules):
    """``<=`` for ``<``: a notice on the edge of the quiet time does not count."""

    def quiet(self, tally: Tally, quantity: int, asked_at: float) -> bool:
        return tally.last_notice <= asked_at - self.policy.rest_lag or quantity == tally.limit


class QuietOnlyBefore(Rules):
    """Looks at the time before the question, not at that up to the decision."""

    def quiet(self, tally: Tally, quantity: int, asked_at: float) -> bool:
        since = tally.last_notice
        edge = asked_at - self.policy.rest_lag
        return since < edge or since > asked_at or quantity == tally.limit


class NoHold(Rules):
    """Delivers every notice."""

    def holds(self, tally: Tally, notice: Notice) -> bool:
        return False


class HoldsEarlierOnly(Rules):
    """``<`` for ``<=``: lets the notices of the answer's own second pass."""

    def holds(self, tally: Tally, notice: Notice) -> bool:
        if tally.fence is not None and notice.executed_at == tally.fence:
            limit = tally.limit
            return limit is not None and tally.quantity + notice.quantity > limit
        return super().holds(tally, notice)


class HoldsByTimeOnly(Rules):
    """Ignores the order's quantity."""

    def holds(self, tally: Tally, notice: Notice) -> bool:
        return tally.fence is not None and notice.executed_at <= tally.fence


class HoldsByQuantityOnly(Rules):
    """Ignores the second of the execution."""

    def holds(self, tally: Tally, notice: Notice) -> bool:
        limit = tally.limit
        return (
            tally.fence is not None
            and limit is not None
            and tally.quantity + notice.quantity > limit
        )


class BelievesAtOnce(Rules):
    """Corrects whenever the broker's totals are lower."""

    def stands(self, since: float, now: float) -> bool:
        return True


class StandsTooLong(Rules):
    """``<`` for ``<=`` in how long a contradiction stands."""

    def stands(self, since: float, now: float) -> bool:
        return now - since > self.policy.correct_after


MUTANTS = (
    NoWait,
    WaitsTooLong,
    NoQuietTest,
    QuietOnTheEdge,
    QuietOnlyBefore,
    NoHold,
    HoldsEarlierOnly,
    HoldsByTimeOnly,
    HoldsByQuantityOnly,
    BelievesAtOnce,
    StandsTooLong,
)
