"""The decision points of the ledger, each a question with a yes or a no.

The safety of the whole rests on five of them.  With *D* the longest time from an
execution to the record of its notice, and *L* the oldest that an answer can be when it is
asked for:

* :meth:`Rules.ripe`.  D after an answer came, every execution it counts whose notice will
  ever come has been recorded.  The difference to the ledger is then at most what was
  truly missed: nothing is counted twice, however stale the answer.
* :meth:`Rules.quiet`.  If nothing of the order was recorded since L before the question,
  everything recorded happened before the moment the answer is true of.  The difference is
  then exactly what was missed, to the won.
* :meth:`Rules.confirms`.  All that was recorded until L before the question is in the
  answer.  If the answer has no more than that, it has nothing that was missed, whatever
  was recorded since: an order that never rests can be verified, too.
* :meth:`Rules.holds`.  Should a notice take longer than D after all, it meets recovered
  shares that may contain it.  It waits until the totals tell.
* :meth:`Rules.stands`.  An answer below the ledger is nearly always a stale answer.  Only
  one that is below by the same amount for long is believed.
"""

from __future__ import annotations

import math
from typing import Literal

import attrs

from .facts import Notice, SnapshotRow
from .tally import Tally

__all__ = ["LedgerPolicy", "Rules"]

_HOUR = 3_600.0


def _positive(_: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{attribute.name} must be a positive number of seconds")


def _seconds(default: float) -> float:
    return attrs.field(default=default, validator=_positive)


@attrs.frozen(kw_only=True)
class LedgerPolicy:
    """The figures that the rules use, in seconds.

    Attributes:
        stream_lag: D, the longest from an execution to the record of its notice.
        stream_lag_max: As far as D is raised when notices turn out slower.
        stream_lag_memory: How long after the last slow notice D stays raised.
        rest_lag: L, the oldest that the broker's totals are when asked for.
        audit_interval: Between questions while orders are open.
        idle_audit_interval: Between questions while none is known to be open: of an order
            entered elsewhere every notice may be lost.
        idle_audit_hours: From when to when, seconds after midnight, Korean time.
        pace: From one call of the broker to the next at the soonest; questions that are
            in no hurry use a fifth of that.
        settle_interval: Between questions while something is unresolved.
        settle_for: After this long the questions become rarer.
        correct_after: How long the same contradiction must stand to be believed.
        hold_alarm_after: A notice held this long is worth an alarm.
        replay: At the first start, whether to deliver what was filled earlier today.
        session_ends: Seconds after midnight, Korean time, at which a trading session
            ends and its day is verified.
        keep_days: Days after which verified orders are forgotten.
    """

    stream_lag: float = _seconds(5.0)
    stream_lag_max: float = _seconds(60.0)
    stream_lag_memory: float = _seconds(600.0)
    rest_lag: float = _seconds(5.0)
    audit_interval: float = _seconds(30.0)
    idle_audit_interval: float = _seconds(300.0)
    idle_audit_hours: tuple[float, float] = (8 * _HOUR, 20 * _HOUR)
    pace: float = _seconds(0.125)
    settle_interval: float = _seconds(2.0)
    settle_for: float = _seconds(20.0)
    correct_after: float = _seconds(120.0)
    hold_alarm_after: float = _seconds(60.0)
    replay: Literal["none", "today"] = attrs.field(
        default="none", validator=attrs.validators.in_(("none", "today"))
    )
    session_ends: tuple[float, ...] = (15.5 * _HOUR, 20 * _HOUR)
    keep_days: int = attrs.field(default=7, validator=attrs.validators.ge(1))


class Rules:
    """The decision points, with D as it is measured.

    A class of its own so that a test can bend one rule at a time and see the others
    break.
    """

    def __init__(self, policy: LedgerPolicy) -> None:
        self.policy: LedgerPolicy = policy
        self.stream_lag: float = policy.stream_lag
        self.worst_lag: float = 0.0
        self._slow_at = -math.inf

    def ripe(self, answered_at: float, now: float) -> bool:
        """Whether every notice that an answer can overlap with has had time to come."""
        return now >= answered_at + self.stream_lag

    def quiet(self, tally: Tally, quantity: int, asked_at: float) -> bool:
        """Whether all that was recorded of the order is in the broker's totals.

        It is, if no notice came since L before the question (an instant on the edge is
        too late), or if the totals are the whole order.
        """
        return tally.last_notice < asked_at - self.policy.rest_lag or quantity == tally.limit

    def confirms(self, tally: Tally, row: SnapshotRow, asked_at: float) -> bool:
        """Whether the totals are exactly what had been recorded L before the question.

        Asked of an order that was not quiet.
        """
        if tally.provisional or tally.held:
            return False
        before = tally.counted_before(asked_at - self.policy.rest_lag)
        return before is not None and (
            (row.quantity, row.amount) == (before.quantity, before.amount)
        )

    def holds(self, tally: Tally, notice: Notice) -> bool:
        """Whether the notice may be part of shares already counted from totals.

        Only where totals were counted at all.  Then it may be, if the order could not
        have that many shares, or if the execution is not later than the second in which
        those totals were answered.
        """
        if tally.fence is None:
            return False
        limit = tally.limit
        if limit is not None and tally.quantity + notice.quantity > limit:
            return True
        return notice.executed_at <= tally.fence

    def stands(self, since: float, now: float) -> bool:
        """Whether a contradiction has lasted long enough to be no stale answer."""
        return now - since >= self.policy.correct_after

    def reaches(self, asked_at: float, moment: float) -> bool:
        """Whether an answer to a question asked then surely includes that moment."""
        return asked_at - self.policy.rest_lag >= moment

    def measure(self, notice: Notice) -> bool:
        """Learn from a notice how slow the stream is; say whether it was too slow.

        A notice tells the second of its execution and no more, so the lag is taken from
        that second's beginning, the worse case.  D is twice the worst lag seen lately,
        never less than the policy says.
        """
        lag = notice.received_wall - notice.executed_at
        if lag > self.worst_lag:  # noqa: PLR1730  # once for each notice, and quicker
            self.worst_lag = lag
        late = lag > self.stream_lag
        if lag > self.policy.stream_lag / 2:
            self._slow_at = notice.received_at
            raised = min(2 * lag, self.policy.stream_lag_max)
            self.stream_lag = max(self.stream_lag, raised)
        elif notice.received_at - self._slow_at > self.policy.stream_lag_memory:
            self.stream_lag = self.policy.stream_lag
        return late
