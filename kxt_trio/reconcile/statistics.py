"""Figures about the ledger, for people and for tests."""

from __future__ import annotations

import attrs

from kxt_trio.models import FillOrigin

from .findings import Absorbed, Alarm, Correct, Deliver, Finding, Held, NeedSnapshot

__all__ = ["Counters", "LedgerStatistics"]


@attrs.frozen(kw_only=True)
class LedgerStatistics:
    """How the ledger stands.

    Attributes:
        orders: Orders known.
        unverified_orders: Those among them of which the broker has not confirmed all
            that is counted.
        days_in_doubt: Days on which orders never heard of may have been filled.
        held: Notices that wait now.
        live: Fills delivered from notices, released ones included.
        recovered: Fills delivered from totals.
        released: Held notices that were delivered after all.
        absorbed: Held notices that were part of recovered fills.
        corrections: Times that too much or the wrong amount had been delivered.
        alarms: Alarms given.
        questions: Times the broker was to be asked.
        snapshots: Answers acted on.
        dropped: Answers not acted on, because the subscription did not live long enough.
        stream_lag: D as it is used now, seconds.
        worst_lag: Longest from an execution to the receipt of its notice, seconds.
    """

    orders: int
    unverified_orders: int
    days_in_doubt: int
    held: int
    live: int
    recovered: int
    released: int
    absorbed: int
    corrections: int
    alarms: int
    questions: int
    snapshots: int
    dropped: int
    stream_lag: float
    worst_lag: float


@attrs.define(eq=False, repr=False)
class Counters:
    """What has been counted since the program began."""

    live: int = 0
    recovered: int = 0
    released: int = 0
    absorbed: int = 0
    corrections: int = 0
    alarms: int = 0
    held: int = 0
    questions: int = 0

    def count(self, finding: Finding) -> None:
        """Count a finding."""
        if isinstance(finding, Deliver):  # nearly all are
            if finding.origin is FillOrigin.RECOVERED:
                self.recovered += 1
                return
            self.live += 1
            if finding.fence is not None:
                self.released += 1
            return
        match finding:
            case NeedSnapshot():
                self.questions += 1
            case Held():
                self.held += 1
            case Absorbed():
                self.absorbed += 1
            case Correct():
                self.corrections += 1
            case Alarm():
                self.alarms += 1
            case _:
                pass
