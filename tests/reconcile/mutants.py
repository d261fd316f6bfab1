"""The rules, each bent in one place.  A suite that does not notice is no suite."""

from __future__ import annotations

import math

from kxt_trio.reconcile.facts import Notice, SnapshotRow
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


class ConfirmsWhatIsCountedNow(Rules):
    """No L at all: takes agreement with the count of this moment for proof."""

    def confirms(self, tally: Tally, row: SnapshotRow, asked_at: float) -> bool:
        return (row.quantity, row.amount) == (tally.quantity, tally.amount)


class ConfirmsFromTheQuestion(Rules):
    """Leaves out L: takes what was counted at the question to be in the totals."""

    def confirms(self, tally: Tally, row: SnapshotRow, asked_at: float) -> bool:
        return super().confirms(tally, row, asked_at + self.policy.rest_lag)


class ConfirmsOnTheEdge(Rules):
    """``<=`` for ``<``: a notice on the edge counts as older."""

    def confirms(self, tally: Tally, row: SnapshotRow, asked_at: float) -> bool:
        return super().confirms(tally, row, math.nextafter(asked_at, math.inf) + 1e-9)


class ConfirmsAnyMoment(Rules):
    """Takes any count from L before the question until now for proof."""

    def confirms(self, tally: Tally, row: SnapshotRow, asked_at: float) -> bool:
        received = [at for span in tally.recent._spans() for at in (span.since, span.until)]
        edges = [asked_at, *(at + self.policy.rest_lag for at in received)]
        edges += [math.nextafter(edge, math.inf) for edge in edges]
        return any(super(ConfirmsAnyMoment, self).confirms(tally, row, e) for e in edges)


class ConfirmsSharesOnly(Rules):
    """Does not look at the won."""

    def confirms(self, tally: Tally, row: SnapshotRow, asked_at: float) -> bool:
        before = tally.counted_before(asked_at - self.policy.rest_lag)
        unsure = tally.provisional or tally.held
        return not unsure and before is not None and before.quantity == row.quantity


class ConfirmsNothing(Rules):
    """Waits for every order to rest."""

    def confirms(self, tally: Tally, row: SnapshotRow, asked_at: float) -> bool:
        return False


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
    ConfirmsWhatIsCountedNow,
    ConfirmsFromTheQuestion,
    ConfirmsOnTheEdge,
    ConfirmsAnyMoment,
    ConfirmsSharesOnly,
    ConfirmsNothing,
    NoHold,
    HoldsEarlierOnly,
    HoldsByTimeOnly,
    HoldsByQuantityOnly,
    BelievesAtOnce,
    StandsTooLong,
)
