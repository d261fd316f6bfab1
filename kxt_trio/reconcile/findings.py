"""What the ledger answers: fills to deliver, corrections, alarms, questions to ask.

:data:`Record` names the findings that change what has been counted.  A journal that keeps
these, in order, keeps the whole ledger: see :mod:`kxt_trio.reconcile.records`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

import attrs

from kxt_trio.models import FillOrigin

from .facts import Amount, Notice, OrderKey, SnapshotRow

__all__ = [
    "Absorbed",
    "Alarm",
    "AlarmKind",
    "Balance",
    "Began",
    "Correct",
    "Deliver",
    "Finding",
    "Held",
    "NeedSnapshot",
    "Reason",
    "Record",
    "Verified",
]


@attrs.define(kw_only=True)
class Deliver:
    """A fill: record it, then hand it to the user.  Made for each, like a notice.

    Attributes:
        order: The order that was filled.
        origin: ``LIVE`` for a notice, ``RECOVERED`` for a difference to the broker's
            totals, which may be several executions in one.
        quantity: Shares.
        amount: What they cost, exactly.
        start: Shares of the order counted before this fill.
        end: Shares of the order counted with it.
        earliest: Executed at this wall time or later.
        latest: Executed at this wall time or earlier.  A live fill has one second for
            both.
        received_wall: When the evidence arrived, by the broker's clock.
        revision: Corrections of the order so far.
        provisional: The order began before the ledger did and how much of it was filled
            by then is not known yet; ``start`` and ``end`` count from the first notice.
        fence: Last second that the totals behind this fill may reflect, where totals
            took part in the decision; a later notice of an earlier execution may be in
            them already.
        source: The notice or the row that this was decided on; None once it has been
            through a journal.
    """

    order: OrderKey
    origin: FillOrigin
    quantity: int
    amount: Amount
    start: int
    end: int
    earliest: float
    latest: float
    received_wall: float
    revision: int = 0
    provisional: bool = False
    fence: int | None = None
    source: Notice | SnapshotRow | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def fill_id(self) -> str:
        """Which shares of the order these are: ``env.account.yyyymmdd.order.from-to``.

        Fills of an order join end to start.  After a correction the same shares can be
        filled anew, so the number of corrections is appended: ``.r1``.
        """
        suffix = f".r{self.revision}" if self.revision else ""
        return f"{self.order.text}.{self.start}-{self.end}{suffix}"

    @property
    def price(self) -> Decimal:
        """Won a share; the average where the fill is several executions in one."""
        return Decimal(self.amount) / self.quantity

    @property
    def cumulative_quantity(self) -> int | None:
        """Shares of the order filled so far, this fill included; None if not known."""
        return None if self.provisional else self.end


@attrs.frozen(kw_only=True)
class Correct:
    """What was counted of an order is wrong, and by this much.

    Never a fill.  Both figures are signed and are to be *added*: ``quantity`` is below
    zero when too much was delivered, zero when only the amount was off.
    """

    order: OrderKey
    quantity: int
    amount: Amount
    start: int
    end: int
    revision: int
    fence: int
    received_wall: float
    source: SnapshotRow | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def correction_id(self) -> str:
        """As a fill id; ``revision`` makes it unique."""
        return f"{self.order.text}.{self.start}-{self.end}.r{self.revision}"


@attrs.frozen(kw_only=True)
class Balance:
    """Shares that count as filled although nobody was told of them here.

    Either the order's totals at the first start, which are none of this program's
    business, or everything of an order so far, carried forward by
    :meth:`~kxt_trio.reconcile.ledger.Ledger.export`.
    """

    order: OrderKey
    quantity: int
    amount: Amount
    fence: int | None = None
    revision: int = 0
    provisional: bool = False
    received_wall: float | None = None
    source: SnapshotRow | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen(kw_only=True)
class Began:
    """The ledger's first day: from then on fills are its business.

    Kept although nothing may have been counted yet, so that a restart on another day
    knows of the days between.
    """

    trade_date: date


@attrs.frozen(kw_only=True)
class Verified:
    """Every order of this date agrees with the broker, executions before ``as_of`` included.

    ``reviewed`` is the second such finding, long enough after the first that old totals
    cannot have deceived both.  A restart asks again about days without it.
    """

    trade_date: date
    as_of: float
    reviewed: bool = False


@attrs.frozen
class Held:
    """A live fill waits: recovered shares may contain it already."""

    notice: Notice


@attrs.frozen
class Absorbed:
    """A held fill *is* part of a recovered one: it names an execution, adds no shares."""

    notice: Notice


class Reason(StrEnum):
    """Why the broker is to be asked."""

    #: First start: whatever was filled before is not delivered.
    BASELINE = "baseline"
    #: A subscription begins: what happened while there was none?
    CONNECTED = "connected"
    #: A frame could not be read.
    UNREADABLE = "unreadable"
    #: Ledger and broker do not agree yet, or nothing shows that they do.
    UNRESOLVED = "unresolved"
    #: A day was settled a while ago; were the totals old, they are not any more.
    REVIEW = "review"
    #: Orders are open, and a healthy link can lose a notice.
    AUDIT = "audit"
    #: An order looks finished.
    FINISHED = "finished"
    #: A trading session, or the day, is over.
    SESSION_END = "session_end"
    #: The last answer lacked pages or rows.
    INCOMPLETE = "incomplete"


@attrs.frozen(kw_only=True)
class NeedSnapshot:
    """Ask the broker, not before this moment; takes the place of the one before.

    ``trade_dates`` are in the order in which to ask, each for itself: today first.
    ``order`` is set when only one order is in question and an inquiry for it alone will
    do; one for everything is as good.
    """

    not_before: float
    reason: Reason
    trade_dates: tuple[date, ...]
    order: OrderKey | None = None


class AlarmKind(StrEnum):
    """Which promise is in danger."""

    #: A notice came later after its execution than the stream lag allows for.
    LATE_NOTICE = "late_notice"
    #: A notice has been held for long and nothing decided it.
    HELD_LONG = "held_long"
    #: Live fills alone exceed the order's quantity.
    OVERFILLED = "overfilled"
    #: Too much or the wrong amount had been delivered; a correction follows.
    CORRECTED = "corrected"
    #: The broker sent fills of an order and does not list it.
    NOT_LISTED = "not_listed"
    #: Answer after answer lacks pages or rows, so that nothing can be verified.
    INCOMPLETE = "incomplete"
    #: A past day cannot be asked about, or only in vain: what was missed then is not known.
    DAY_UNKNOWN = "day_unknown"
    #: The rows of one order do not fit together.
    ROWS_DISAGREE = "rows_disagree"


@attrs.frozen(kw_only=True)
class Alarm:
    """Something that an operator should know; ``detail`` holds no secrets.

    ``order`` is None where it is about a day, or all of them.
    """

    kind: AlarmKind
    detail: str
    order: OrderKey | None = None


#: What a journal keeps.
Record: TypeAlias = Deliver | Correct | Balance | Began | Verified

#: Everything that the ledger can answer.
Finding: TypeAlias = Record | Held | Absorbed | NeedSnapshot | Alarm
